"""What a client types about themselves: read leniently, checked, and given back as typed with a sentence beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Form

from models.contact import ADDRESS, ONE_LINE, PHONE

LONGEST_NAME, LONGEST_ADDRESS = 200, 254


@dataclass(frozen=True, slots=True)
class Details:
    """A name and a way to reach them, as typed; `problems` are keys of sentences by the field that they are about."""

    name: str = ""
    email: str = ""
    phone: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def contact(self) -> tuple[str | None, str | None]:
        """The e-mail address and the telephone number, None where none was typed."""
        return self.email or None, self.phone or None

    @staticmethod
    def read(name: str, email: str, phone: str) -> "Details":
        """Return what was typed with what is wrong about it."""
        typed = Details(" ".join(name.split(" ")).strip(), email.strip(), phone.strip())
        return Details(typed.name, typed.email, typed.phone, dict(_problems(typed)))


def _problems(typed: Details) -> Iterator[tuple[str, str]]:
    if not typed.name:
        yield "name", "needs_name"
    elif len(typed.name) > LONGEST_NAME or not re.fullmatch(ONE_LINE, typed.name):
        yield "name", "bad_name"
    if not typed.email and not typed.phone:
        yield "email", "needs_contact"
    if typed.email and (len(typed.email) > LONGEST_ADDRESS or not re.fullmatch(ADDRESS, typed.email)):
        yield "email", "bad_email"
    if typed.phone and not re.fullmatch(PHONE, typed.phone):
        yield "phone", "bad_phone"


async def typed_details(
    name: Annotated[str, Form(max_length=2000)] = "",
    email: Annotated[str, Form(max_length=2000)] = "",
    phone: Annotated[str, Form(max_length=2000)] = "",
) -> Details:
    """Return what a form sent."""
    return Details.read(name, email, phone)


Typed = Annotated[Details, Depends(typed_details)]
