"""What strangers may hand us: hostile rows, repositories, checkpoints and recipes. Run by `drive.py`, one process each.

Every attack has two halves: `prepare(folder)` writes the files, unmeasured, and returns what the measured half needs;
`attack(it)` does what a user would. The outcome must match `expected`: a row's reason, or one line.
Sources are named where an attack was reported elsewhere first.
"""

import base64
import gzip
import io
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Prepare = Callable[[Path], Any]  # a function with a name
BIG = 400 * 2**20  # bytes: what a bomb unpacks to


@dataclass(frozen=True)
class Attack:
    """One attack and the outcome that it must have, a regular expression."""

    name: str
    prepare: Prepare
    attack: Callable[[Any], str]
    expected: str


ATTACKS: list[Attack] = []


def attack(expected: str, run: Callable[[Any], str] | None = None) -> Callable[[Prepare], Prepare]:
    """Registers a preparation; by default it is a source's path, which is imported."""

    def keep(prepare: Prepare) -> Prepare:
        ATTACKS.append(Attack(getattr(prepare, "__name__", ""), prepare, run or importing, expected))
        return prepare

    return keep


# What users do.


def importing(path: Any, **settings: Any) -> str:
    """The reasons of the rows left out, or the error of the import."""
    from ovt.core.home import Home
    from ovt.curate.sources.importing import import_sources
    from ovt.curate.sources.section import SourceSection

    source = SourceSection.model_validate({"name": "theirs", "path": str(path), **settings})
    decisions = import_sources([source], Home(Path(path).parent / "home")).decisions
    return "rows: " + ", ".join(decisions["reason"].to_list())


def command(arguments: Any) -> str:
    """What a command prints."""
    from ovt.cli import main

    sys.argv = ["ovt", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return f"exit {end.code or 0}"
    return "exit 0"


def showing(folder: Any) -> str:
    return command(["data", "show", folder])


# Sources.


def parquet(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    good = {"question": ["How many?"], "answer": ["3"], "image": ["a.png"]}
    table = pa.table({name: columns.get(name, good.get(name)) for name in {**good, **columns}})
    pq.write_table(table, folder / "rows.parquet", compression="zstd", **options)
    return folder / "rows.parquet"


@attack("error: .*page of .* unpacks to .*: this does not look like data")
def a_cell_that_unpacks_to_gigabytes(folder: Path) -> Path:
    return parquet(folder, {"question": ["x" * BIG]}, use_dictionary=False, write_statistics=False)


@attack("error: .*column question may repeat values of 20,971,520 bytes that are packed into .*does not look like data")
def one_value_repeated_by_a_dictionary(folder: Path) -> Path:
    import pyarrow as pa

    text = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), ["x" * (20 * 2**20)])
    rows = {"question": text, "answer": ["3"] * 5_000, "image": ["a.png"] * 5_000}
    return parquet(folder, rows, dictionary_pagesize_limit=2**26)


@attack("error: .*a row of column choices.* unpacks to 20,9.* bytes")
def a_list_that_repeats_one_value(folder: Path) -> Path:
    import pyarrow as pa

    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 2**20])
    rows = pa.ListArray.from_arrays(pa.array([0, 20_000], pa.int32()), text)
    return parquet(folder, {"choices": rows}, dictionary_pagesize_limit=2**26)


@attack("error: .*list values in one row group")
def a_list_of_nothing(folder: Path) -> Path:
    import pyarrow as pa

    nothing = pa.ListArray.from_arrays(pa.array([0, 40_000_000], pa.int32()), pa.nulls(40_000_000, pa.string()))
    return parquet(folder, {"choices": nothing})


@attack("error: .*column question may repeat values of .* packed into")
def values_that_extend_each_other(folder: Path) -> Path:
    """DELTA_BYTE_ARRAY: apache/arrow#49955."""
    texts = ["x" * (16 * 2**20)] * 40
    rows = {"question": texts, "answer": ["3"] * 40, "image": ["a.png"] * 40}
    return parquet(folder, rows, use_dictionary=False, column_encoding={"question": "DELTA_BYTE_ARRAY"})


@attack("error: .*a page of .* bytes unpacks to 134,217,727")
def a_page_that_promises_more_than_its_footer(folder: Path) -> Path:
    """The header of a page, and not the footer, says what is allocated."""
    path = parquet(folder, {"question": ["x" * 35_000_000]}, use_dictionary=False)
    data = bytearray(path.read_bytes())
    at = len("PAR1") + 3  # of the first page's second number; the new one is as long, or the offsets would move
    data[at : at + 4] = varint(2 * (2**27 - 1))
    path.write_bytes(bytes(data))
    return path


def varint(number: int) -> list[int]:
    out = []
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return [*out, number]


@attack("error: .*not a readable Parquet file")
def a_footer_of_noise(folder: Path) -> Path:
    path = parquet(folder, {})
    data = bytearray(path.read_bytes())
    data[-60:-20] = bytes(reversed(data[-60:-20]))
    path.write_bytes(bytes(data))
    return path


@attack("error: .*missing_image 1")
def features_nested_without_end(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    deep = b'{"info": {"features": ' + b'{"feature": ' * 50_000 + b"1" + b"}" * 50_000 + b"}}"
    table = pa.table({"question": ["q"], "answer": ["3"], "image": ["a.png"]})
    pq.write_table(table.replace_schema_metadata({b"huggingface": deep}), folder / "rows.parquet")
    return folder / "rows.parquet"


@attack("error: .*(cell_too_large 1, missing_image 1|missing_image 1, cell_too_large 1)")
def a_line_without_end(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(b'{"question": "q", "answer": "3", "image": "a.png"}\n')
    with path.open("ab") as file:
        file.truncate(BIG // 2)  # zeros that take no room
    return path


@attack("error: .*malformed_row 2")
def json_nested_without_end(folder: Path) -> Path:
    """The likes of CVE-2024-27454 (orjson#458)."""
    path = folder / "rows.jsonl"
    good = '{"question": "q", "answer": "3", "image": "a.png"}\n'
    path.write_text(good + "[" * 1_000_000 + "\n" + '{"question": ' + "[" * 500 + "]" * 500 + "}\n")
    return path


@attack("error: .*malformed_row 1")
def json_nested_within_the_recursion_limit(folder: Path) -> Path:
    path = folder / "rows.json"
    path.write_text('[{"question": ' + "[" * 300 + "]" * 300 + ', "answer": "3", "image": "a.png"}]')
    return path


@attack("error: .*malformed_row 1")
def a_number_of_a_million_digits(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text('{"question": "q", "answer": "3", "image": "a.png"}\n{"answer": ' + "9" * 1_000_000 + "}\n")
    return path


@attack("error: .*cell_too_large 2")
def texts_of_megabytes(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    tags = json.dumps({"question": "q", "answer": "<answer>" * 4_000_000, "image": "a.png"})
    path.write_text(json.dumps({"question": "x" * 2_000_000, "answer": "3", "image": "a.png"}) + "\n" + tags)
    return path


@attack("error: .*is compressed: unpack it first")
def a_table_that_is_an_archive(folder: Path) -> Path:
    return gzipped(folder / "rows.csv", b"x", b"question,answer,image\n")


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


@attack("error: .*(unreadable_image 2, missing_image 1|missing_image 1, unreadable_image 2|cell_too_large 1)",
        lambda path: importing(path, image_root=str(path.parent / "images.zip")))  # fmt: skip
def pictures_that_unpack_without_end(folder: Path) -> Path:
    path = zipped(folder / "images.zip", {"a.png": b"\0" * (60 * 2**20), "../b.png": b"x", "c.png": b"\x89PNG"})
    assert path.stat().st_size < 2**20
    return rows_with(folder, ["a.png", "b.png", "c.png"])


def tarred(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    """A tar of (name, type, content); headers as they come."""
    import tarfile

    with path.open("wb") as file:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            file.write(info.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512))
        file.write(b"\0" * 1024)
    return path


@attack("error: .*no column for images")
def members_that_lead_elsewhere(folder: Path) -> Path:
    row = json.dumps({"question": "q?", "answer": "3"}).encode()
    links = [(f"{n}.png", kind, b"") for n, kind in enumerate((b"1", b"2", b"3"))]
    return tarred(folder / "rows.tar", *links, *((f"{n}.json", b"0", row) for n in range(3)))


@attack("error: .*a tar header of 300,000,000 bytes")
def a_name_in_a_tar_without_end(folder: Path) -> Path:
    path = tarred(folder / "rows.tar", ("x", b"L", b""))
    import tarfile

    info = tarfile.TarInfo("long")
    info.type, info.size = b"L", 300_000_000
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(300_001_024)
    return path


def gzipped(path: Path, what: bytes, head: bytes = b"") -> Path:
    """BIG bytes in members of 4 MiB, packed once."""
    path.write_bytes((gzip.compress(head) if head else b"") + gzip.compress(what * (1 << 22)) * (BIG >> 22))
    return path


@attack("error: .*unpacks to more than 100 times its size")
def a_line_that_unpacks_without_end(folder: Path) -> Path:
    return gzipped(folder / "rows.jsonl.gz", b"x")


@attack("error: .*unpacks to more than 100 times its size")
def a_table_that_unpacks_without_end(folder: Path) -> Path:
    return gzipped(folder / "rows.csv.gz", b"x")


@attack("error: .*unpacks to more than 100 times its size")
def an_archive_that_unpacks_without_end(folder: Path) -> Path:
    return gzipped(folder / "rows.tar.gz", b"\0")


@attack("error: .*more than 5,000,000 blank lines")
def blank_lines_that_unpack_without_end(folder: Path) -> Path:
    return gzipped(folder / "rows.jsonl.gz", b"\n")


@attack("error: .*image_outside_root 1")
def a_file_for_each_row_that_leads_elsewhere(folder: Path) -> Path:
    rows = folder / "rows"
    rows.mkdir()
    (folder / "secret.png").write_bytes(b"")
    for name, image in (("a", "../secret.png"), ("b", "x" * 300 + ".png"), ("c", "a.png\0.png")):
        (rows / f"{name}.json").write_text(json.dumps({"question": "q?", "answer": "3", "image": image}))
    os.mkfifo(rows / "d.json.png")
    return rows


@attack("error: .*more than 10,000 columns")
def a_table_of_columns(folder: Path) -> Path:
    (folder / "rows.csv").write_text(",".join(f"c{number}" for number in range(200_000)) + "\n")
    return folder / "rows.csv"


@attack("error: .*is larger than 2 GiB")
def a_file_that_is_read_whole(folder: Path) -> Path:
    with (folder / "rows.json").open("wb") as file:
        file.truncate(5 * 2**30)
    return folder / "rows.json"


@attack("error: .*is compressed, which no saved dataset is")
def a_saved_dataset_that_unpacks(folder: Path) -> Path:
    """apache/arrow-rs#10959."""
    import pyarrow as pa

    saved = folder / "saved"
    saved.mkdir()
    table = pa.table({"question": ["x" * BIG], "answer": ["3"], "image": ["a.png"]})
    with pa.ipc.new_stream(str(saved / "data-00000-of-00001.arrow"), table.schema,
                           options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:  # fmt: skip
        out.write_table(table)
    (saved / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}')
    (saved / "dataset_info.json").write_text("{}")
    return saved


@attack("error: .*does not list the splits")
def splits_that_lead_elsewhere(folder: Path) -> Path:
    saved = folder / "saved"
    saved.mkdir()
    (saved / "dataset_dict.json").write_text('{"splits": ["../../../../etc"]}')
    return saved


# Images: CVE-2021-27921 and its kind are in formats that are no longer read at all.


def rows_with(folder: Path, images: list[Any]) -> Path:
    lines = [json.dumps({"question": f"q{n}", "answer": "3", "image": image}) for n, image in enumerate(images)]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return folder / "rows.jsonl"


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = b"".join(chunk(kind, data) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@attack("error: .*unreadable_image 12")
def images_that_are_bombs_or_of_strange_formats(folder: Path) -> Path:
    text = zlib.compress(b"x" * (100 * 2**20), 9)
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<IB3x", 10, 2) + b"\xff\x3f\x00\xff\x3f\x00"
    strange = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) show\n",  # Ghostscript would run it
        b"BLP2" + struct.pack("<IBBBBII", 1, 2, 8, 8, 0, 2**15, 2**15) + b"\0" * 2000,  # CVE-2021-27921
        b"icns" + struct.pack(">I", 2000) + b"ic10" + struct.pack(">I", 1992) + b"\0" * 1984,  # CVE-2021-27922
        b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 2**31 - 1, 22) + b"\0" * 2000,  # CVE-2021-27923
        b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3) + b"\0" * 64,
        b"P6 60000 60000 255\n" + b"\0" * 64,
    )
    tiff = io.BytesIO()
    tiff.write(b"II*\0\x08\0\0\0" + struct.pack("<H", 4))
    for tag, kind, count, value in ((256, 4, 1, 16), (257, 4, 1, 16), (277, 3, 1, 65_535), (273, 4, 1, 8)):
        tiff.write(struct.pack("<HHII", tag, kind, count, value))  # SAMPLESPERPIXEL: CVE-2022-45199
    gif = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    images = [
        *strange, png(60_000, 60_000), png(16_000, 16_000), png(9, 9, (b"zTXt", b"a\0\0" + text)), webp,
        tiff.getvalue() + b"\0" * 64, gif + b"\x02\x02\x4c\x01\x00;",
    ]  # fmt: skip
    return rows_with(folder, [data_url(image) for image in images])


@attack("error: .*(missing_image 2, image_outside_root 2|image_outside_root 2, missing_image 2)")
def paths_that_are_no_files(folder: Path) -> Path:
    """FIFOs would wait forever; huggingface/datasets#8324 reads ../."""
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    return rows_with(folder, ["pipe.png", "folder.png", "../../../../etc/passwd", "/dev/zero"])


@attack("error: .*missing_image 1", lambda path: importing(path, image_root="/dev"))
def a_device(folder: Path) -> Path:
    return rows_with(folder, ["zero"])


# Versions. The one to be spoilt is a real one, which `drive.py` builds first.


def version(folder: Path) -> Path:
    import shutil

    there = folder / "version"
    shutil.copytree(os.environ["OVT_TEST_VERSION"], there)
    for path in there.rglob("*"):
        path.chmod(0o700)
    return there


def with_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    there = version(folder)
    manifest = json.loads((there / "manifest.json").read_text())
    change(manifest)
    (there / "manifest.json").write_text(json.dumps(manifest))
    return there


@attack("ovt: .*nested more than 64 levels deep", showing)
def a_manifest_nested_without_end(folder: Path) -> Path:
    there = version(folder)
    (there / "manifest.json").write_text('{"a":' * 100_000)
    return there


@attack("ovt: .*larger than 16 MiB", showing)
def a_manifest_of_gigabytes(folder: Path) -> Path:
    there = version(folder)
    with (there / "manifest.json").open("r+b") as file:
        file.truncate(2 * BIG)
    return there


@attack("ovt: .*was edited: rows.sft: Input should be greater than or equal to 0", showing)
def negative_counts(folder: Path) -> Path:
    return with_manifest(folder, lambda manifest: manifest["rows"].update(sft=-5))


@attack("ovt: .*was edited: rows.sft: ", showing)
def counts_that_no_integer_holds(folder: Path) -> Path:
    return with_manifest(folder, lambda manifest: manifest["rows"].update(sft=10**30))


@attack("ovt: .*was edited: rows: the number of decisions is missing", showing)
def a_manifest_without_counts(folder: Path) -> Path:
    return with_manifest(folder, lambda manifest: manifest["rows"].pop("decisions"))


@attack("ovt: .*was edited: files: '../../../.bashrc' is a file that no version has", showing)
def files_that_lead_elsewhere(folder: Path) -> Path:
    """huggingface/huggingface_hub#4086."""
    return with_manifest(folder, lambda m: m["files"].update({"../../../.bashrc": {"sha256": "0" * 64, "size": 1}}))


@attack("ovt: .*was edited: name: String should match pattern", showing)
def a_name_that_writes_on_the_terminal(folder: Path) -> Path:
    return with_manifest(folder, lambda manifest: manifest.update(name="\x1b]0;owned\x07\u202etopkcop"))


@attack("ovt: .*is not a regular file", showing)
def a_manifest_that_is_a_pipe(folder: Path) -> Path:
    there = version(folder)
    (there / "manifest.json").unlink()
    os.mkfifo(there / "manifest.json")
    return there


@attack("ovt: .*is not a regular file", lambda folder: command(["data", "head", folder]))
def a_table_that_is_a_pipe(folder: Path) -> Path:
    there = version(folder)
    os.mkfifo(there / "data" / "sft-00001-of-00002.parquet")
    return there


@attack("ovt: .*is a symbolic link", lambda folder: command(["data", "head", folder]))
def a_table_that_is_a_link(folder: Path) -> Path:
    there = version(folder)
    table = next((there / "data").glob("sft-*"))
    table.unlink()
    table.symlink_to("/etc/passwd")
    return there


def checking(folder: Any) -> str:
    from ovt.curate.versions.guests import check_tables
    from ovt.curate.versions.manifest import read_manifest

    check_tables(folder, read_manifest(folder))
    return "accepted"


@attack("accepted", checking)
def nothing_at_all(folder: Path) -> Path:
    """The counter-example: an honest version passes."""
    return version(folder)


@attack("error: .*does not have the columns of a version, but surprise", checking)
def a_table_with_other_columns(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = version(folder)
    pq.write_table(pa.table({"surprise": [[[[1]]]]}), there / "ledger" / "samples.parquet")
    return there


@attack("error: .*image 0 is not a PNG or JPEG", checking)
def an_image_for_ghostscript_in_a_version(folder: Path) -> Path:
    import pyarrow.parquet as pq

    there = version(folder)
    path = next((there / "data").glob("sft-*"))
    table = pq.read_table(path)
    kind = table.schema.field("images")
    import pyarrow as pa

    images = pa.array([[{"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n", "path": None}]] * len(table), kind.type)
    pq.write_table(table.set_column(table.schema.get_field_index("images"), kind, images), path)
    return there


# Recipes, records, models, packs.


def building(recipe: Any) -> str:
    return command(["curate", "build", recipe, "--dry-run"])


def recipe(folder: Path, text: str) -> Path:
    (folder / "theirs.toml").write_text(text)
    return folder / "theirs.toml"


@attack("ovt: .*is not valid TOML: nested more than 64 levels deep", building)
def a_recipe_nested_without_end(folder: Path) -> Path:
    return recipe(folder, "x = " + "[" * 100_000)


@attack("ovt: .*a key of more than 64 parts", building)
def a_key_without_end(folder: Path) -> Path:
    """python/cpython#149231: minutes in tomllib."""
    return recipe(folder, "a." * 100_000 + "a = 1")


@attack("ovt: .*(longer than|larger than)", building)
def a_recipe_of_gigabytes(folder: Path) -> Path:
    with (folder / "theirs.toml").open("wb") as file:
        file.truncate(2 * BIG)
    return folder / "theirs.toml"


@attack("ovt: .*is not a regular file", building)
def a_recipe_that_is_a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "theirs.toml")
    return folder / "theirs.toml"


@attack("ovt: .*theirs.toml: ", building)
def a_recipe_that_writes_on_the_terminal(folder: Path) -> Path:
    """Names in errors: escape sequences, C1 controls and CVE-2021-42574 (text that reads backwards)."""
    return recipe(folder, r'name = "\u001b]0;owned\u0007\u202etopkcop\u009b2J"' + "\n")


@attack("ovt: .*no version", lambda name: command(["data", "show", name]))
def a_version_name_that_writes_on_the_terminal(folder: Path) -> str:
    return "\x1b[2J\u202etopkcop\x9b1m"


@attack("error: .*a page of .* unpacks to .*", checking)
def a_ledger_that_unpacks_to_gigabytes(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = version(folder)
    path = there / "ledger" / "decisions.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("detail")
    bomb = pa.array(["x" * BIG, *[None] * (len(table) - 1)], pa.large_string())
    pq.write_table(
        table.set_column(place, table.schema.field(place).with_type(pa.large_string()), bomb), path, compression="zstd"
    )
    return there


def records(folder: Path, content: bytes) -> Path:
    (folder / "runs" / "theirs").mkdir(parents=True)
    (folder / "runs" / "theirs" / "run.json").write_bytes(content)
    return folder


def showing_a_run(home: Any) -> str:
    return command(["train", "show", "theirs", "--home", home])


@attack("ovt: .*run.json", showing_a_run)
def a_record_nested_without_end(folder: Path) -> Path:
    return records(folder, b'{"model":' * 100_000)


@attack("ovt: .*run.json", showing_a_run)
def a_record_of_gigabytes(folder: Path) -> Path:
    records(folder, b"{")
    with (folder / "runs" / "theirs" / "run.json").open("ab") as file:
        file.truncate(2 * BIG)
    return folder


@attack("ovt: .*run.json is not a regular file", showing_a_run)
def a_record_that_is_a_pipe(folder: Path) -> Path:
    records(folder, b"")
    (folder / "runs" / "theirs" / "run.json").unlink()
    os.mkfifo(folder / "runs" / "theirs" / "run.json")
    return folder


@attack("ovt: .*theirs.pack", lambda it: command(["data", "decontam", it[0], "--against", it[1]]))
def a_pack_that_is_none(folder: Path) -> tuple[Path, Path]:
    (folder / "theirs.pack").write_bytes(b"\x80\x04\x95" + b"cos\nsystem\n(S'touch owned'\ntR." * 100)  # a pickle
    return version(folder), folder / "theirs.pack"
