"""The refusal of a formula."""

from __future__ import annotations

from practice_org.errors import ApiError


class FormulaError(ValueError):
    """What is wrong with a formula, in Setup's words."""

    def refused(self) -> ApiError:
        """The same as the API says it when a field or rule is saved."""
        return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", f"Error: {self}", ())
