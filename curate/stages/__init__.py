"""The stages in order: caption, reason, verify, select, filter; also difficulty and behaviours.

Each stage is one file and a pure step from tables to tables. Its last function, `run`, returns two tables: what
continues, and the decisions on what ended here (`ovt.core.schema.DECISIONS`). Every stage handles one question
at a time, so a build may pass its questions in chunks of any size and gets the same rows.
"""
