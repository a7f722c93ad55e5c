"""Formula fields: a formula, checked when the field is made, computed on reading.

Their value changes without a new SystemModstamp, as on the real platform: when a parent changes, when the
day does, or when the formula itself is edited.
"""

from __future__ import annotations

from practice_org.formula.checker import Setting, check
from practice_org.formula.refusal import FormulaError
from practice_org.formula.sql import expression, shown
from practice_org.schema.catalogue import Field, ObjectType, Schema


def compile_formula(
    formula: str,
    obj: ObjectType,
    *,
    quote_prefix: str,
    schema: Schema | None = None,
    field: Field | None = None,
) -> str:
    """The SQL of a formula; `quote_prefix` (`t0.`) stands before each column.

    `field` is the field whose formula it is: its value is shaped as the field shows it. Without `schema`
    only fields of the object itself are known. Raises ApiError FIELD_INTEGRITY_EXCEPTION, in Setup's
    words, when the formula cannot be understood.
    """
    try:
        sql = expression(check(formula, Setting(schema or Schema((obj,)), obj)), quote_prefix)
    except FormulaError as error:
        raise error.refused() from error
    return shown(sql, field) if field is not None else sql
