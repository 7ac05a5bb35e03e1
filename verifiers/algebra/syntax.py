r"""Parses mathematical tokens into a tree: our own small parser of LaTeX and plain notation. It evaluates nothing.

    parse("\frac12 x^2") == Node("mul", (Node("div", (1, 2)), Node("pow", (x, 2))))

It knows arithmetic, powers, roots, the usual functions, factorials, binomials, absolute values, floors, sums and
products, subscripts, bases (`204_5`) and degrees. It refuses anything else (`Unreadable`) and never guesses.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from ovt.verifiers.algebra.notation import FUNCTIONS, GREEK, SYMBOL_COMMANDS, Token, Unreadable, has_words, tokenize
from ovt.verifiers.dressing import words
from ovt.verifiers.guard import MAX_NESTING, refuse


class Node(NamedTuple):
    """An operation and its arguments: nodes, or for a leaf the number (a Fraction) or the name."""

    op: str
    args: tuple[Any, ...]


_STARTERS = frozenset(["number", "letter", "word", "command"])
_NO_FACTOR = words(r"\} \rfloor \rceil \rangle \choose \over \to \mod \pmod \bmod")
_ACCENTS = words("overline vec hat bar widehat angle triangle mathcal mathbb tilde mathbf overrightarrow boldsymbol")
_VECTORS = frozenset(["vec", "mathbf", "overrightarrow", "boldsymbol"])


@lru_cache(maxsize=16384)
def parse(source: str) -> Node:
    """The tree of an expression given as `math_source` text. Linear time; nesting is bounded by the guards."""
    if refuse(source) or has_words(source):
        raise Unreadable("too long, too nested, or words")
    tokens = tokenize(source)
    letters = {token.text for token in tokens if token.kind in ("letter", "word")}
    if letters == {"j"} and any(token.kind == "number" for token in tokens):
        tokens = [token._replace(text="i") if token.text == "j" else token for token in tokens]  # as engineers write it
    parser = _Parser(tokens)
    try:
        node = parser.sum()
    except RecursionError:
        raise Unreadable("too nested") from None
    if parser.peek() is not _END:
        raise Unreadable(f"unexpected {parser.peek().text!r}")
    return node


def number_node(value: int | Fraction) -> Node:
    """A leaf that is a number."""
    return Node("num", (Fraction(value),))


_END = Token("end", "", False)
_INFIX = {"\\choose": "binom", "\\over": "div"}
_CLOSERS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}


class _Parser:
    """Recursive descent over tokens; `position` is the state.

    sum: product (± product)*   product: signed ((* | / | nothing) signed)*   signed: -signed | power
    power: postfix (^ exponent)?   postfix: primary (! | ° | % | ' | _subscript)*
    primary: number | name | function argument | command arguments | bracketed sum
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, _END]
        self.position = 0
        self.depth = 0
        self.bars = 0

    def peek(self) -> Token:
        return self.tokens[self.position]

    def take(self, text: str | None = None) -> Token:
        token = self.peek()
        if token is _END or (text is not None and token.text != text):
            raise Unreadable(f"expected {text or 'more'!r}, found {token.text!r}")
        self.position += 1
        return token

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING * 4:
            raise Unreadable("too nested")
        terms = [self.product()]
        while self.peek().text in ("+", "-"):
            sign = self.take().text
            term = self.product()
            terms.append(Node("neg", (term,)) if sign == "-" else term)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms))

    def product(self) -> Node:
        node = self.signed()
        while True:
            token = self.peek()
            if token.text == "*":
                self.take()
                node = _times(node, self.signed())
            elif token.text == "/":
                self.take()
                node = Node("div", (node, self.signed()))
            elif self.starts_factor():
                node = self.juxtapose(node)
            else:
                return node

    def juxtapose(self, left: Node) -> Node:
        r"""`2x` is a product, `2\frac12` is two and a half, `2 3` is invalid."""
        number_next = self.peek().kind == "number"
        apart = self.peek().text == "(" and self.peek().spaced and left.op == "num"
        right = self.power()
        if apart and not has_symbols(right):
            raise Unreadable("a number, and another in brackets")  # `15 (60 / 4)`
        if left.op == "num" and _is_proper_fraction(right) and left.args[0].denominator == 1 and not number_next:
            return Node("add", (left, right))
        if left.op == "neg" and left.args[0].op == "num" and _is_proper_fraction(right):
            return Node("neg", (Node("add", (left.args[0], right)),))
        last = left.args[-1] if left.op == "mul" else left
        if number_next and last.op in ("num", "sym", "neg"):
            raise Unreadable("two numbers side by side")
        return _times(left, right)

    def starts_factor(self) -> bool:
        token = self.peek()
        if token.kind in _STARTERS:
            return token.text not in _NO_FACTOR
        return token.text in ("(", "[", "{") or (token.text == "|" and not self.bars)

    def signed(self) -> Node:
        sign = self.peek().text
        if sign in ("-", "+"):
            self.depth += 1
            if self.depth > MAX_NESTING * 4:
                raise Unreadable("too many signs")
            self.take()
            node = self.signed()
            self.depth -= 1
            return Node("neg", (node,)) if sign == "-" else node
        return self.power()

    def power(self) -> Node:
        base = self.postfix(self.primary())
        if self.peek().text != "^":
            return base
        self.take()
        return self.postfix(Node("pow", (base, self.exponent())))

    def exponent(self) -> Node:
        if self.peek().text == "{":
            return self.group()
        if self.peek().text in ("-", "+"):
            sign = self.take().text
            node = self.exponent()
            return Node("neg", (node,)) if sign == "-" else node
        node = self.postfix(self.primary())
        if self.peek().text == "^":
            self.take()
            return Node("pow", (node, self.exponent()))
        return node

    def postfix(self, node: Node) -> Node:
        while True:
            text = self.peek().text
            if text == "!":
                self.take()
                node = Node("factorial", (node,))
            elif text == "°":
                self.take()
                node = Node("degrees", (node,))
            elif text == "%":
                self.take()
                node = Node("div", (node, number_node(100)))
            elif text == "'" and node.op in ("sym", "apply"):
                self.take()
                node = Node(node.op, (node.args[0] + "'", *node.args[1:]))
            elif text == "_":
                node = self.subscript(node)
            else:
                return node

    def subscript(self, node: Node) -> Node:
        self.take("_")
        inside = self.raw_group()
        if node.op == "num" and inside.isdecimal():
            return Node("base", (node.args[0], inside))
        if node.op != "sym":
            raise Unreadable("a subscript on something that is not a name")
        return Node("sym", (f"{node.args[0]}_{inside}",))

    def raw_group(self) -> str:
        """The text of the next group or token, without spaces: the content of a subscript."""
        if self.peek().text != "{":
            return self.take().text
        depth, parts = 0, []
        while True:
            text = self.take().text
            depth += (text == "{") - (text == "}")
            if not depth:
                return "".join(parts[1:])
            parts.append(text)

    def group(self) -> Node:
        self.take("{")
        node = self.inside()
        self.take("}")
        return node

    def inside(self) -> Node:
        r"""The content of a group: a sum, or `a \choose b`, `a \over b`."""
        node = self.sum()
        op = _INFIX.get(self.peek().text)
        if not op:
            return node
        self.take()
        return Node(op, (node, self.sum()))

    def argument(self) -> Node:
        r"""An argument of a LaTeX command: a group, or one digit (`\frac12`), letter or command."""
        token = self.peek()
        if token.text == "{":
            return self.group()
        if token.kind == "number" and token.text.isdecimal() and len(token.text) > 1:
            self.tokens[self.position] = Token("number", token.text[1:], False)
            return number_node(int(token.text[0]))
        return self.primary()

    def primary(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return number_node(Fraction(token.text.replace(",", "")))
        if token.kind == "letter":
            return self.name(token.text)
        if token.kind == "word":
            return self.word(token.text)
        if token.kind == "command":
            return self.command(token.text[1:])
        return self.bracketed(token.text)

    def word(self, text: str) -> Node:
        if text == "pi":
            return Node("const", ("pi",))
        return Node("sym", (text,)) if text in SYMBOL_COMMANDS else self.function(text.lower(), latex=False)

    def name(self, text: str) -> Node:
        text = GREEK.get(text, text)
        if text == "π":
            return Node("const", ("pi",))
        if text in ("f", "g") and self.peek().text == "(" and not self.peek().spaced:
            return Node("apply", (text, self.bracketed(self.take().text)))
        return Node("const", (text,)) if text in ("e", "i") and self.peek().text != "_" else Node("sym", (text,))

    def bracketed(self, opener: str) -> Node:
        if opener == "|":
            self.bars += 1
            node = Node("abs", (self.sum(),))
            self.bars -= 1
            self.take("|")
            return node
        if opener in _CLOSERS:
            bars, self.bars = self.bars, 0
            node = self.inside()
            self.bars = bars
            self.take(_CLOSERS[opener])
            return node
        if opener == "∞":
            return Node("const", ("inf",))
        raise Unreadable(f"unexpected {opener!r}")

    def command(self, name: str) -> Node:
        if name == "frac":
            return Node("div", (self.argument(), self.argument()))
        if name == "binom":
            return Node("binom", (self.argument(), self.argument()))
        if name == "sqrt":
            return self.root()
        if name in ("lfloor", "lceil"):
            node = Node("floor" if name == "lfloor" else "ceil", (self.sum(),))
            self.take("\\r" + name[1:])
            return node
        if name in ("sum", "prod"):
            return self.series(name)
        if name == "pi":
            return Node("const", ("pi",))
        if name in FUNCTIONS:
            return self.function(name, latex=True)
        if name in _ACCENTS:
            content = self.raw_group() if self.peek().text == "{" else self.letters()
            if content.isdecimal():
                raise Unreadable("an accent on digits")  # they repeat; the reader of numbers knows how
            return Node("sym", (f"{'vec' if name in _VECTORS else name} {content}",))
        if name in SYMBOL_COMMANDS:
            return Node("sym", (SYMBOL_COMMANDS[name],))
        if name in ("{", "|"):
            return self.bracketed("\\{" if name == "{" else "|")
        raise Unreadable(f"unknown command {name}")

    def letters(self) -> str:
        r"""A run of letters, as after `\angle`."""
        run = self.take().text
        while self.peek().kind == "letter":
            run += self.take().text
        return run

    def root(self) -> Node:
        degree = number_node(2)
        if self.peek().text == "[":
            self.take()
            degree = self.sum()
            self.take("]")
        return Node("root", (self.argument(), degree))

    def function(self, name: str, latex: bool) -> Node:
        if name in ("sqrt", "cbrt"):
            return Node("root", (self.function_argument(), number_node(2 if name == "sqrt" else 3)))
        base = None
        if name in ("log", "lg") and self.peek().text == "_":
            self.take()
            base = self.argument() if latex or self.peek().text == "{" else self.primary()
        power = None
        if self.peek().text == "^":
            self.take()
            power = self.exponent()
        node = self.call(name, base)
        if power is None:
            return node
        if power == Node("neg", (number_node(1),)) and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            return Node("call", ("arc" + name, *node.args[1:]))
        return Node("pow", (node, power))

    def call(self, name: str, base: Node | None) -> Node:
        if name in ("max", "min", "gcd", "lcm"):
            self.take("(")
            values = [self.sum()]
            while self.peek().text == ",":
                self.take()
                values.append(self.sum())
            self.take(")")
            return Node("call", (name, *values))
        argument = self.function_argument()
        if name in ("floor", "ceil", "abs"):
            return Node(name, (argument,))
        if name == "exp":
            return Node("pow", (Node("const", ("e",)), argument))
        if base is not None:
            return Node("call", ("log", argument, base))
        if name == "lg":
            return Node("call", ("log", argument, number_node(10)))
        return Node("call", (name, argument))

    def function_argument(self) -> Node:
        r"""`(x)`, `{x}`, or the product that follows up to the next function, sum or quotient: `\sin 2x \cos y`."""
        if self.peek().text in ("(", "{", "["):
            return self.bracketed(self.take().text)
        node = self.signed()
        while self.starts_factor() and not self.starts_function():
            node = self.juxtapose(node)
        return node

    def starts_function(self) -> bool:
        token = self.peek()
        return token.text in ("(", "[") or (token.kind in ("word", "command") and token.text.lstrip("\\") in FUNCTIONS)

    def series(self, name: str) -> Node:
        r"""`\sum_{k=0}^{n} body`: the body is the product that follows."""
        self.take("_")
        self.take("{")
        index = self.primary()
        if index.op not in ("sym", "const"):
            raise Unreadable("a sum over something that is not a name")
        self.take("=")
        start = self.sum()
        self.take("}")
        self.take("^")
        end = self.exponent()
        return Node(name, (index.args[0], start, end, self.product()))


def has_symbols(node: Any) -> bool:
    """Whether a tree has anything but numbers in it."""
    return isinstance(node, Node) and (node.op in ("sym", "const", "apply") or any(map(has_symbols, node.args)))


def _times(left: Node, right: Node) -> Node:
    """A flat product, so that long ones stay shallow."""
    return Node("mul", (*left.args, right) if left.op == "mul" else (left, right))


def _is_proper_fraction(node: Node) -> bool:
    if node.op != "div" or any(arg.op != "num" for arg in node.args):
        return False
    top, bottom = (arg.args[0] for arg in node.args)
    return top.denominator == bottom.denominator == 1 and 0 < top < bottom
