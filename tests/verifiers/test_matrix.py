"""Matrices: entry by entry, whatever the brackets."""

from collections.abc import Callable

GOLD = "\\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}"
CASES = [
    (GOLD, GOLD, "right", "the same"),
    ("\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}", GOLD, "right", "other brackets"),
    ("\\left[\\begin{array}{cc}1 & 2 \\\\ 3 & 4\\end{array}\\right]", GOLD, "right", "an array"),
    ("\\begin{pmatrix}1 & 2 \\\\ 3 & 4 \\\\ \\end{pmatrix}", GOLD, "right", "an empty row at the end"),
    ("\\begin{pmatrix}1 & \\frac{4}{2} \\\\ 3 & 4.0\\end{pmatrix}", GOLD, "right", "equal entries"),
    ("$A = \\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}$", GOLD, "right", "an assignment"),
    ("\\begin{pmatrix}1 & 2 \\\\ 3 & 5\\end{pmatrix}", GOLD, "wrong", "another entry"),
    ("\\begin{pmatrix}1 & 3 \\\\ 2 & 4\\end{pmatrix}", GOLD, "wrong", "transposed"),
    ("\\begin{pmatrix}1 & 2\\end{pmatrix}", GOLD, "wrong", "another shape"),
    ("\\begin{vmatrix}1 & 2 \\\\ 3 & 4\\end{vmatrix}", GOLD, "wrong", "a determinant"),
    ("\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}+\\begin{pmatrix}0&2\\\\3&3\\end{pmatrix}", GOLD, "right", "a sum"),
    ("\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", GOLD, "right", "a product"),
    ("(1, 2)", "\\begin{pmatrix}1 \\\\ 2\\end{pmatrix}", "right", "a vector as a tuple"),
    ("(2, 1)", "\\begin{pmatrix}1 \\\\ 2\\end{pmatrix}", "wrong", "another vector"),
    ("1234", GOLD, "wrong", "no matrix"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES, kind="matrix")
