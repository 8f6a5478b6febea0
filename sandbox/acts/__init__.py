"""What people do: the kernel in `act.py`, then one file per noun. Only acts write."""
