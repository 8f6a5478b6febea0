"""What is kept of a password is worth as much as is said: the tests' own passwords are kept more cheaply."""

from pathlib import Path
from runpy import run_path

from sandbox.store import passwords


def test_a_password_is_kept_by_the_parameters_that_owasp_names():
    as_in_service = run_path(str(Path(str(passwords.__file__))))
    kept = as_in_service["hash_password"]("four small grey stones")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert as_in_service["hasher"].verify(kept, "four small grey stones")
