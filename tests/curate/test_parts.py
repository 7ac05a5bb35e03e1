"""The results of parts, kept while more are on their way."""

import polars as pl

from ovt.curate.parts import read_frames, write_frames


def test_tables_are_read_back_as_they_were_and_not_at_all_if_damaged(tmp_path):
    frames = {"one": pl.DataFrame({"a": [[1, 2], None]}), "two": pl.DataFrame(schema={"b": pl.String})}
    write_frames(tmp_path / "both", frames)
    back = read_frames(tmp_path / "both")
    assert back is not None
    assert [*back] == ["one", "two"]
    assert all(back[name].equals(frame) and back[name].schema == frame.schema for name, frame in frames.items())
    whole = (tmp_path / "both").read_bytes()
    method = whole.index(b"PK\1\2") + 10  # how the first table is compressed, in the directory at the end
    unknown = whole[:method] + b"\x63" + whole[method + 1 :]
    for damaged in (b"", whole[:-30], whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], unknown):
        (tmp_path / "both").write_bytes(damaged)
        assert read_frames(tmp_path / "both") is None
    assert read_frames(tmp_path / "none") is None
