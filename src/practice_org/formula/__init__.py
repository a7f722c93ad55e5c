"""The formula language: one parser and one set of functions for formula fields, validation rules,
assignment criteria and automation.

`parser` makes a tree of a text, `checker` gives every node its type and refuses what Setup refuses,
`sql` turns a checked tree into an SQL expression (formula fields), `evaluate` into a function of a row
(rules). The functions of `functions` serve both.
"""
