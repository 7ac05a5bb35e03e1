"""Lists and sets have no order, tuples have one; every member counts once."""

from collections.abc import Callable

CASES = [
    ("y = 3, x = 4", "(3, 4)", "wrong", "the names say which is which"),
    ("-5, 14/3", "x = -5, p = 14/3", "right", "in the order of the names as they were written"),
    ("y = 4, x = 3", "(3, 4)", "right", "the names say which is which"),
    ("2, 3", "2, 3", "right", "the same"),
    ("3, 2", "2, 3", "right", "a bare list has no order"),
    ("2 and 3", "2, 3", "right", "a conjunction"),
    ("3 and 2", "2 and 3", "right", "a conjunction"),
    ("2; 3", "2, 3", "right", "semicolons"),
    ("{2, 3}", "2, 3", "right", "braces"),
    ("\\{3, 2\\}", "\\{2, 3\\}", "right", "a set has no order"),
    ("50, 0.5", "50%, 50", "right", "50 may be either, 0.5 only one"),
    ("0.5, 50", "50%, 50", "right", "50 may be either, 0.5 only one"),
    ("0.5, 0.5", "50%, 50", "wrong", "one of them twice"),
    ("2", "2, 3", "wrong", "one is missing"),
    ("2, 3, 4", "2, 3", "wrong", "one too many"),
    ("2, 2, 3", "2, 3", "wrong", "a member twice"),
    ("2, 2", "2, 3", "wrong", "a member twice, one missing"),
    ("2, 4", "2, 3", "wrong", "another member"),
    ("(3,4)", "(3,4)", "right", "the same"),
    ("( 3 , 4 )", "(3,4)", "right", "spaces"),
    ("\\left(3, 4\\right)", "(3,4)", "right", "brackets that grow"),
    ("(3;4)", "(3,4)", "right", "semicolons"),
    ("(4,3)", "(3,4)", "wrong", "a tuple has an order"),
    ("[3,4]", "(3,4)", "wrong", "other brackets may be another interval"),
    ("(3,4,5)", "(3,4)", "wrong", "one too many"),
    ("34", "(3,4)", "wrong", "no tuple"),
    ("3", "(3,4)", "wrong", "no tuple"),
    ("(1, 4.5)", "(1,\\frac{9}{2})", "right", "equal members"),
    ("(1, 4)", "(1,\\frac{9}{2})", "wrong", "another member"),
    ("(x, y) = (3, 4)", "(3,4)", "right", "named"),
    ("P = (3, 4)", "(3,4)", "right", "named"),
    ("P(3, 4)", "P(3,4)", "right", "a point with its name"),
    ("[1, 2, 3]", "[1, 2, 3]", "right", "the same"),
    ("[3, 2, 1]", "[1, 2, 3]", "wrong", "a list in brackets has an order"),
    ("(1, 2), (3, 4)", "(3, 4), (1, 2)", "right", "a list of tuples"),
    ("(2, 1), (3, 4)", "(3, 4), (1, 2)", "wrong", "a tuple turned round"),
    ("(5,8) and (8,5)", "(5,8), (8,5)", "right", "a conjunction of tuples"),
    ("x = 1 or x = 2", "1, 2", "right", "solutions"),
    ("x=2, x=1", "x = 1, x = 2", "right", "solutions in another order"),
    ("x = 1, 2", "x = 1 or x = 2", "right", "one name for all"),
    ("x = 1, y = 2", "x = 1, y = 2", "right", "named"),
    ("y = 2, x = 1", "x = 1, y = 2", "right", "named, in another order"),
    ("x = 2, y = 1", "x = 1, y = 2", "wrong", "names exchanged"),
    ("1, 2", "x = 1, y = 2", "right", "in the order of the names"),
    ("2, 1", "x = 1, y = 2", "wrong", "against the order of the names"),
    ("\\pm 3", "3, -3", "right", "plus or minus"),
    ("±3", "\\{-3, 3\\}", "right", "plus or minus"),
    ("3", "\\pm 3", "wrong", "half of it"),
    ("-3", "\\pm 3", "wrong", "half of it"),
    ("\\pm 4", "\\pm 3", "wrong", "another"),
    ("1 \\pm \\sqrt{2}", "1-\\sqrt2, 1+\\sqrt2", "right", "plus or minus"),
    ("x = 1 ± 2", "-1, 3", "right", "plus or minus"),
    ("p=5,q=2;p=7,q=2", "(5,2),(7,2)", "right", "clauses are tuples"),
    ("\\emptyset", "\\{\\}", "right", "the empty set"),
    ("∅", "\\emptyset", "right", "the empty set"),
    ("0", "\\emptyset", "wrong", "zero is a number"),
    ("\\{0\\}", "\\emptyset", "wrong", "a set of one"),
    ("{1,2,3}", "\\{1,2,3\\}", "right", "plain braces"),
    ("\\{1,2\\} \\cup \\{2,3\\}", "\\{1,2,3\\}", "right", "a union"),
    ("1,000, 2,000", "1000, 2000", "right", "thousands in a list"),
    ("2, 3", "2.3", "wrong", "a list is no decimal"),
    ("19, 46, and 82", "19, 46, 82", "right", "an Oxford comma"),
    ("19, 46, \\text{ and } 82", "19, 46, 82", "right", "LaTeX"),
    ("red, blue", "blue, red", "right", "a list of words"),
    ("red, green", "blue, red", "wrong", "a list of words"),
    ("\\boxed{1} and \\boxed{2}", "1, 2", "right", "a row of boxes"),
    ("The roots are 2 and 3.", "2, 3", "right", "a sentence"),
    ("The roots are $x=2$ and $x=3$.", "2, 3", "right", "a sentence with formulas"),
    ("(0, 9)", "[0, 9)", "wrong", "other ends"),
    ("12", "1, 2", "wrong", "digits run together"),
    ("1, 2", "12", "wrong", "digits taken apart"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)


def test_members_are_matched_one_to_one(check_table: Callable[..., None]) -> None:
    check_table([("1/2, 0.5, 3", "0.5, 3, 3", "wrong", "0.5 twice is not 3 twice")])


MATRIX = "\\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}"
MATRICES = [
    (MATRIX, MATRIX, "right", "the same"),
    ("\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}", MATRIX, "right", "other brackets"),
    ("\\left[\\begin{array}{cc}1 & 2 \\\\ 3 & 4\\end{array}\\right]", MATRIX, "right", "an array"),
    ("\\begin{pmatrix}1 & 2 \\\\ 3 & 4 \\\\ \\end{pmatrix}", MATRIX, "right", "an empty row at the end"),
    ("\\begin{pmatrix}1 & \\frac{4}{2} \\\\ 3 & 4.0\\end{pmatrix}", MATRIX, "right", "equal entries"),
    ("$A = \\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}$", MATRIX, "right", "an assignment"),
    ("\\begin{pmatrix}1 & 2 \\\\ 3 & 5\\end{pmatrix}", MATRIX, "wrong", "another entry"),
    ("\\begin{pmatrix}1 & 3 \\\\ 2 & 4\\end{pmatrix}", MATRIX, "wrong", "transposed"),
    ("\\begin{pmatrix}1 & 2\\end{pmatrix}", MATRIX, "wrong", "another shape"),
    ("\\begin{vmatrix}1 & 2 \\\\ 3 & 4\\end{vmatrix}", MATRIX, "wrong", "a determinant"),
    ("\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}+\\begin{pmatrix}0&2\\\\3&3\\end{pmatrix}", MATRIX, "right", "a sum"),
    ("\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", MATRIX, "right", "a product"),
    ("(1, 2)", "\\begin{pmatrix}1 \\\\ 2\\end{pmatrix}", "right", "a vector as a tuple"),
    ("(2, 1)", "\\begin{pmatrix}1 \\\\ 2\\end{pmatrix}", "wrong", "another vector"),
    ("1234", MATRIX, "wrong", "no matrix"),
]


def test_matrices(check_table: Callable[..., None]) -> None:
    check_table(MATRICES, kind="matrix")
