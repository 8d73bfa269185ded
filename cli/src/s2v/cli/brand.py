"""A brand from files: colours and font in JSON, and a logo."""

from __future__ import annotations

from google.protobuf.json_format import Parse, ParseError

from s2v.cli.exits import CommandError, ExitCode
from s2v.cli.options import Finish
from s2v.v1.job_pb2 import Brand


def read_brand(finish: Finish, theme_name: str) -> Brand | None:
    """Returns the brand of the command line; None if there is none.

    Errors: CommandError for a file that is no brand or no logo, or colours in which text cannot be read; OSError.
    """
    if finish.brand is None and finish.logo is None:
        return None
    from s2v.typeset.themes import apply_brand, check_logo, theme

    brand = Brand()
    if finish.brand is not None:
        try:
            Parse(finish.brand.read_bytes(), brand)
            apply_brand(theme(theme_name), brand)
        except (ParseError, UnicodeDecodeError, ValueError) as error:
            raise CommandError(f"{finish.brand} is not a brand that can be used: {error}", ExitCode.INPUT) from error
    if finish.logo is not None:
        brand.logo = finish.logo.read_bytes()
        try:
            check_logo(brand.logo)
        except ValueError as error:
            raise CommandError(f"{finish.logo} is not a logo that can be used: {error}", ExitCode.INPUT) from error
    return brand
