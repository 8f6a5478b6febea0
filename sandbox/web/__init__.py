"""What people see: pages by noun, the API, sign-in. Only here and in app.py is Flask known."""
