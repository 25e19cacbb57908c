"""What a name, an e-mail address and a telephone number look like, as regular expressions."""

# Neither controls nor what turns the reading direction of all that follows.
ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$"
SOME_LINES = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$"
# What a browser accepts (HTML, "valid e-mail address"): ASCII, so that no two addresses look the same.
ADDRESS = (
    r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
)
PHONE = r"^\+?[0-9 ()./-]{3,30}$"
