"""The stages, in the order of the work: caption, reason, verify, select, filter; beside them difficulty and behaviours.

Each stage is one file and a pure step from tables to tables. `run` comes last in it and returns two tables: what goes
on, and the decisions about what ended here (`ovt.core.schema.DECISIONS`). Every stage looks at one question
at a time, so a build may hand over its questions in chunks of any size and gets the same rows.
"""
