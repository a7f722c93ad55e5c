"""Formulas: one meaning in both readings - SQL for formula fields, a function of a row for rules."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practice_org.formula.checker import Setting, check
from practice_org.formula.evaluate import Moment, compiled
from practice_org.formula.parser import parse
from practice_org.formula.refusal import FormulaError
from practice_org.formula.sql import expression, register_functions
from practice_org.schema.catalogue import Schema, parse_field, standard_objects

SCHEMA = Schema(standard_objects())
LEAD = SCHEMA["Lead"]
NOW = "2027-03-01T02:30:00"
TODAY = "2027-02-28"
ROW: dict[str, Any] = {
    "FirstName": "Ann",
    "LastName": "o'Hara",
    "Company": "",
    "Email": None,
    "Status": "Open",
    "AnnualRevenue": 12.5,
    "NumberOfEmployees": None,
    "HasOptedOutOfEmail": 1,
    "CreatedDate": "2027-01-31T12:00:00",
    "EmailBouncedDate": None,
}


def both(formula: str, row: dict[str, Any] | None = None) -> Any:
    """The value of a formula over a lead, which must be the same in both readings."""
    row = ROW if row is None else row
    tree = check(formula, Setting(SCHEMA, LEAD))
    moment = Moment(row, None, NOW, TODAY, lambda *_: None)
    computed = compiled(tree)(moment)
    connection = sqlite3.connect(":memory:")
    register_functions(connection, lambda: NOW, lambda: TODAY)
    columns = ", ".join(
        f'"{name}" TEXT COLLATE NOCASE' if isinstance(value, str | None) else f'"{name}"'
        for name, value in row.items()
    )
    connection.execute(f"CREATE TABLE t({columns})")
    connection.execute(f"INSERT INTO t VALUES({', '.join('?' * len(row))})", tuple(row.values()))
    stored = connection.execute(f"SELECT {expression(tree, 't.')} FROM t").fetchone()[0]
    assert (stored or None) == (computed or None) or stored == pytest.approx(computed), formula
    return computed


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3 - -4", 11),
        ("2 ^ 3 ^ 2", 64),
        ("(1 + 2) * 3 / 2", 4.5),
        ("1 / 0", None),
        ("10 / 4", 2.5),
        ('"a" & "b" + "c"', "abc"),
        ("FirstName & ' ' & LastName", "Ann o'Hara"),
        ("Email & '!'", "!"),
        ("LEN(Email)", 0),
        ("ISBLANK(Company)", True),
        ("Company = NULL", True),
        ("FirstName = 'ann'", False),
        ("FirstName == 'Ann' && !ISBLANK(LastName)", True),
        ("FirstName <> 'Ann' || FALSE", False),
        ("IF(ISPICKVAL(Status, 'Open'), 'o', 'c')", "o"),
        ("ISPICKVAL(Status, 'open')", False),
        ("CASE(Status, 'Closed', 1, 'Open', 2, 3)", 2),
        ("CASE(3, 1, 'a', 2, 'b', 'c')", "c"),
        ("TEXT(Status) & TEXT(3) & TEXT(2.50)", "Open32.5"),
        ("BLANKVALUE(Email, 'none')", "none"),
        ("NULLVALUE(NumberOfEmployees, 7)", 7),
        ("NumberOfEmployees + 1", None),
        ("NumberOfEmployees > 1", False),
        ("NOT(NumberOfEmployees > 1)", True),
        ("AND(TRUE, HasOptedOutOfEmail, AnnualRevenue >= 12.5)", True),
        ("OR(FALSE, NumberOfEmployees < 5)", False),
        ("BEGINS(LastName, 'o') && CONTAINS(LastName, \"'\")", True),
        ("FIND('a', LastName, 4)", 4),
        ("LEFT(LastName, 2) & MID(LastName, 3, 2) & RIGHT(LastName, 2)", "o'Hara"),
        ("UPPER('é') & LOWER('ÀB')", "Éàb"),
        ("SUBSTITUTE('a-b-c', '-', '')", "abc"),
        ("LPAD('7', 3, '0') & RPAD('7', 3, '0')", "007700"),
        ("REGEX('12345', '\\\\d{5}')", True),
        ("REGEX('x12345', '\\\\d{5}')", False),
        ("VALUE('12.5') + 1", 13.5),
        ("VALUE('twelve')", None),
        ("ISNUMBER('1e3') && NOT(ISNUMBER('1x'))", True),
        ("ROUND(2.5, 0) + ROUND(-2.5, 0)", 0),
        ("CEILING(-2.5)", -3),
        ("FLOOR(-2.5)", -2),
        ("MCEILING(-2.5)", -2),
        ("MFLOOR(-2.5)", -3),
        ("MOD(-7, 3)", 2),
        ("MAX(1, 3, 2) - MIN(1, 3, 2)", 2),
        ("SQRT(16) + ABS(-1) + LOG(100)", 7),
        ("SQRT(-1)", None),
        ("DATE(2027, 2, 28) + 1", "2027-03-01"),
        ("DATE(2027, 2, 30)", None),
        ("DATE(2027, 3, 1) - DATE(2027, 2, 1)", 28),
        ("TODAY() - DATE(2027, 2, 1)", 27),
        ("NOW() - CreatedDate", 28.604166666666668),
        ("DATEVALUE(CreatedDate) = DATE(2027, 1, 31)", True),
        ("ADDMONTHS(DATE(2027, 1, 31), 1)", "2027-02-28"),
        ("ADDMONTHS(DATE(2027, 2, 28), -1)", "2027-01-31"),
        ("YEAR(TODAY()) * 10000 + MONTH(TODAY()) * 100 + DAY(TODAY())", 20270228),
        ("WEEKDAY(DATE(2027, 2, 28))", 1),
        ("EmailBouncedDate < NOW()", False),
        ("/* why */ 1 /* not */ + 1", 2),
        ("CASESAFEID('00QPr0000000001')", "00QPr0000000001MAA"),
    ],
)
def test_what_formulas_mean(formula: str, value: Any) -> None:
    found = both(formula)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("Nope__c", "Field Nope__c does not exist. Check spelling."),
        ("Owner.Name", "Field Owner.Name does not exist"),
        ("NOPE(1)", "Unknown function NOPE. Check spelling."),
        ("LEN(1)", "Incorrect parameter type for function 'LEN()'. Expected Text, received Number"),
        ("LEN()", "Incorrect number of parameters for function 'LEN()'. Expected 1, received 0"),
        ("IF(1)", "Incorrect number of parameters for function 'IF()'. Expected 3, received 1"),
        ("IF(1, 2, 3)", "Incorrect parameter type for function 'IF()'. Expected Boolean, received Number"),
        (
            "1 + 'a'",
            "Incorrect parameter type for operator '+'. Expected Number, Date, Date/Time, received Text",
        ),
        ("1 = 'a'", "Incorrect parameter type for operator '='"),
        ("Status = 'Open'", "Field Status is a picklist field. Picklist fields are only supported in"),
        ("1 +", "Syntax error. Found 'end of formula'"),
        ("(1", "Syntax error. Missing ')'"),
        ("1)", "Syntax error. Extra )"),
        ("1 2", "Syntax error. Found '2'"),
        ("#", "Syntax error. Found '#'"),
        ("'open", "Syntax error. Missing '\"'"),
        ("ISCHANGED(Email)", "Function ISCHANGED may not be used in this type of formula"),
        ("$User.Email", "Field $User.Email does not exist"),
        ("CASE(1, 2, 3)", "Incorrect number of parameters for function 'CASE()'"),
    ],
)
def test_what_is_refused_and_how(formula: str, says: str) -> None:
    with pytest.raises(FormulaError) as caught:
        check(formula, Setting(SCHEMA, LEAD))
    assert says in str(caught.value)


def test_a_formula_of_another_type_than_wanted() -> None:
    with pytest.raises(
        FormulaError, match=r"data type \(Text\), incompatible with expected data type \(true"
    ):
        check("FirstName", Setting(SCHEMA, LEAD), result="Boolean")


def test_a_formula_may_rest_on_others_but_not_on_itself() -> None:
    from dataclasses import replace

    twice = replace(parse_field(["Twice__c", "Twice", "double", "18,0", "nx"]), formula="AnnualRevenue * 2")
    loop = replace(parse_field(["Loop__c", "Loop", "double", "18,0", "nx"]), formula="Loop__c + 1")
    lead = replace(LEAD, fields=(*LEAD.fields, twice, loop), _by_name={})
    schema = Schema((*(o for o in SCHEMA.objects if o.name != "Lead"), lead))
    tree = check("Twice__c + 1", Setting(schema, lead))
    assert compiled(tree)(Moment(ROW, None, NOW, TODAY, lambda *_: None)) == 26
    with pytest.raises(FormulaError, match="references itself"):
        check("Loop__c", Setting(schema, lead))


def test_deep_formulas_are_computed_or_refused_never_a_crash() -> None:
    assert both("(" * 60 + "1" + ")" * 60) == 1
    with pytest.raises(FormulaError, match="too big"):
        both("1 + (" * 60 + "1" + ")" * 60)
    assert both("IF(FALSE, 0, " * 60 + "2" + ")" * 60) == 2
    for deep in ("(" * 500 + "1" + ")" * 500, "-" * 500 + "1", "NOT(" * 500 + "TRUE" + ")" * 500):
        with pytest.raises(FormulaError, match="deeply"):
            parse(deep)
    with pytest.raises(FormulaError, match="too long"):
        parse("1+" * 2000 + "1")


texts = st.text(alphabet="ab'\"\\é%_ ", max_size=4)
atoms = st.one_of(
    st.integers(-5, 99).map(str),
    st.decimals(0, 9, places=2).map(str),
    st.sampled_from(["AnnualRevenue", "NumberOfEmployees", "LEN(FirstName)"]),
)
numbers = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["ABS", "CEILING", "FLOOR"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"IF({t[0]} > {t[1]}, {t[1]}, {t[2]})"),
    ),
    max_leaves=6,
)


@given(formula=numbers, revenue=st.one_of(st.none(), st.floats(-100, 100)), first=st.one_of(st.none(), texts))
@settings(max_examples=150, deadline=None)
def test_both_readings_agree(formula: str, revenue: float | None, first: str | None) -> None:
    both(formula, {**ROW, "AnnualRevenue": revenue, "FirstName": first})


@given(st.text(alphabet="aL(),'\"+-*/&|=<>!^ .$1e\\/*", max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except FormulaError as error:
        assert str(error)
