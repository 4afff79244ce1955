"""One statement of DuckDB's SQL in Spark's: macros put in, then rewritten where sqlglot says it otherwise.

What belongs here: what the two languages mean by the same words. What does not: running anything (`spark.py`),
regular expressions (`patterns.py`). Whatever is not known to mean the same raises, rather than being passed on.

UUIDs are text here: lower case with hyphens, which orders as DuckDB's 128 bits do. TIMESTAMP is without a zone
(the session's spark.sql.timestampType).
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlglot import exp, parse
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark

from browse_assets.engine.patterns import UntranslatableError, java_pattern, java_replacement
from browse_assets.engine.stand_ins import OWN_MACROS

Macros = dict[str, tuple[list[str], exp.Expression]]

# What DuckDB's trim takes off: Unicode's separators of words (Zs); Spark's takes off the space alone.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


class Source(DuckDB):
    """DuckDB's SQL, as this project writes it: `len` is of a list, `length` of a text."""

    INDEX_OFFSET = 0  # places in lists as they are written: sqlglot would take 1 off those that are numbers

    class Parser(DuckDB.Parser):
        """Keeps apart what sqlglot takes for one."""

        FUNCTIONS = {  # noqa: RUF012 - as sqlglot declares it
            **DuckDB.Parser.FUNCTIONS,
            "LEN": lambda args: exp.ArraySize(this=args[0]),
            "CONCAT_WS": lambda args: exp.Anonymous(this="CONCAT_WS", expressions=args),
            "LIST_SORT": lambda args: exp.Anonymous(this="LIST_SORT", expressions=args),
            "LIST_DISTINCT": exp.ArrayDistinct.from_arg_list,
        }


def parse_statements(sql: str) -> list[exp.Expression]:
    """The statements of a text of DuckDB's SQL, without comments."""
    found = [statement for statement in parse(sql, dialect=Source) if statement is not None]
    for statement in found:
        for node in statement.walk():
            node.comments = None
    return found


def read_macro(statement: exp.Expression) -> tuple[str, list[str], exp.Expression]:
    """Name, parameters and body of a CREATE MACRO."""
    head = statement.this
    return head.this.name.lower(), [parameter.name for parameter in head.expressions], statement.expression


@cache
def own_macros() -> Mapping[str, tuple[list[str], exp.Expression]]:
    """Those that stand in for the macros of the same names."""
    read = (read_macro(statement) for statement in parse_statements(OWN_MACROS.replace(r"\uFFFD", "\ufffd")))
    return {name: (parameters, body) for name, parameters, body in read}


def spark_sql(
    select: exp.Expression, macros: Macros, params: Any = None, variables: Mapping[str, Any] | None = None
) -> str:
    """The SELECT in Spark's SQL.

    Args:
        select: as `parse_statements` gives it; it is left as it is.
        macros: by name; those of `own_macros` go before them.
        params: values of `$name` by name, or of `?` in order.
        variables: values of getvariable('...').

    Raises:
        UntranslatableError: something in it is not known to mean the same on Spark.
    """
    tree = _with_macros(select.copy(), {**macros, **own_macros()})
    tree = _with_values(tree, params, variables or {})
    tree = _rewritten(tree, _constant)
    _unnest(tree)
    for rule in _RULES:
        tree = _rewritten(tree, rule)
    for call in tree.find_all(exp.Anonymous):
        if call.name.upper() not in _KNOWN_CALLS:
            raise UntranslatableError(f"the function {call.name}")
    return str(tree.sql(dialect=Spark))


def _rewritten(tree: exp.Expression, rule: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
    """Each node as the rule says, from the leaves up: sqlglot's own `transform` passes over what a new node holds."""
    for node in list(tree.walk(bfs=False))[::-1]:
        replaced = rule(node)
        if replaced is not node:
            if node is tree:
                tree = replaced
            else:
                node.replace(replaced)
    return tree


def _with_macros(tree: exp.Expression, macros: Macros) -> exp.Expression:
    """Calls of macros replaced by their bodies, until none is left."""

    def expand(node: exp.Expression) -> exp.Expression:
        if not (isinstance(node, exp.Anonymous) and node.name.lower() in macros):
            return node
        names, body = macros[node.name.lower()]
        given = dict(zip(names, node.expressions, strict=True))
        return exp.Paren(this=_with_macros(_with_arguments(body.copy(), given), macros))

    return _rewritten(tree, expand)


def _with_arguments(body: exp.Expression, given: Mapping[str, exp.Expression]) -> exp.Expression:
    for column in list(body.find_all(exp.Column)):
        replaced: exp.Expression | None = None
        if not column.table and column.name in given:
            replaced = exp.paren(given[column.name].copy())
        elif column.table in given and not column.db:
            replaced = exp.Dot(this=exp.paren(given[column.table].copy()), expression=column.this.copy())
        if replaced is not None:
            if column is body:
                return replaced
            column.replace(replaced)
    return body


def _with_values(tree: exp.Expression, params: Any, variables: Mapping[str, Any]) -> exp.Expression:
    in_order = iter(params if isinstance(params, list | tuple) else ())

    def put_in(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Placeholder | exp.Parameter):
            if isinstance(params, Mapping) and node.name:
                return _literal(params[node.name])
            return _literal(next(in_order))
        if isinstance(node, exp.Anonymous) and node.name.lower() == "getvariable":
            return _literal(variables[node.expressions[0].name])
        return node

    return _rewritten(tree, put_in)


def _literal(value: Any) -> exp.Expression:
    if isinstance(value, list | tuple):
        return exp.Array(expressions=[_literal(one) for one in value])
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP", dialect=DuckDB)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE", dialect=DuckDB)
    return exp.convert(value)


def _constant(node: exp.Expression) -> exp.Expression:
    """Texts joined by || that are all known, as one: patterns are put together of pieces."""
    if isinstance(node, exp.DPipe):
        sides = [_constant(side.unnest()) for side in (node.this, node.expression)]
        if all(isinstance(side, exp.Literal) and side.is_string for side in sides):
            return exp.Literal.string(sides[0].name + sides[1].name)
    return node


# --- Rules, one construct each ---


def _pattern(node: exp.Expression) -> exp.Expression:
    """The pattern in Java's language; a text that stands for itself may be part of it."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return exp.Literal.string(java_pattern(node.name))
    if isinstance(node, exp.DPipe):
        return exp.DPipe(this=_pattern(node.this), expression=_pattern(node.expression))
    if isinstance(node, exp.Anonymous) and node.name.lower() == "regexp_escape":
        text = exp.func("REPLACE", node.expressions[0], exp.Literal.string("\\E"), exp.Literal.string("\\E\\\\E\\Q"))
        return exp.func("CONCAT", exp.Literal.string("\\Q"), text, exp.Literal.string("\\E"))
    raise UntranslatableError("a pattern that is not a constant")


def _regular_expressions(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.RegexpFullMatch):
        pattern = _pattern(node.expression)
        if not isinstance(pattern, exp.Literal):
            raise UntranslatableError("a pattern that is not a constant")
        return exp.RegexpLike(this=node.this, expression=exp.Literal.string(rf"\A(?:{pattern.name})\z"))
    if isinstance(node, exp.RegexpLike) and not node.args.get("flag"):
        pattern, text = _pattern(node.expression), node.this
        if "(?iu)" in pattern.name:
            # Without regard to case Java takes both for i, and RE2 neither; J with a hat is neither's.
            signs = [exp.Literal.string("\u0130\u0131"), exp.Literal.string("\u0134\u0134")]
            text = exp.Anonymous(this="TRANSLATE", expressions=[text, *signs])
        return exp.RegexpLike(this=text, expression=pattern)
    if isinstance(node, exp.RegexpExtract):
        group = node.args.get("group") or exp.Literal.number(0)
        return exp.Anonymous(this="REGEXP_EXTRACT", expressions=[node.this, _pattern(node.expression), group])
    if isinstance(node, exp.RegexpReplace):
        modifiers = node.args.get("modifiers")
        pattern = _pattern(node.expression)
        replacement = node.args["replacement"].unnest()
        if not isinstance(replacement, exp.Literal):
            raise UntranslatableError("a replacement that is not a constant")
        is_once = modifiers is None or modifiers.name != "g"
        if is_once and not (
            (isinstance(pattern, exp.Literal) and pattern.name.endswith(r"\z")) or pattern.name[:1] == "^"
        ):
            raise UntranslatableError("replacing the first match alone")
        text = exp.Literal.string(java_replacement(replacement.name))
        return exp.Anonymous(this="REGEXP_REPLACE", expressions=[node.this, pattern, text])
    if isinstance(node, exp.Anonymous) and node.name.upper() == "REGEXP_COUNT":
        return exp.Anonymous(this="REGEXP_COUNT", expressions=[node.expressions[0], _pattern(node.expressions[1])])
    return node


def _types(node: exp.Expression) -> exp.Expression:
    if not isinstance(node, exp.Cast):
        return node
    value = node.this.unnest()
    if node.to.is_type(exp.DataType.Type.UUID):
        if isinstance(value, exp.MD5):
            shape = exp.Literal.string("(.{8})(.{4})(.{4})(.{4})(.{12})")
            parts = [value, shape, exp.Literal.string("$1-$2-$3-$4-$5")]
            return exp.Anonymous(this="REGEXP_REPLACE", expressions=parts)
        return exp.cast(node.this, exp.DataType.Type.TEXT)
    if node.to.is_type(*exp.DataType.INTEGER_TYPES) and isinstance(value, exp.Mul | exp.Div | exp.Pow):
        # DuckDB rounds to the nearest, halves to the even one; Spark cuts off.
        return exp.cast(exp.Anonymous(this="RINT", expressions=[node.this]), node.to)
    return node


def _microseconds(node: exp.Expression) -> exp.Expression:
    if not (isinstance(node, exp.Anonymous) and node.name.lower() == "epoch_us"):
        return node
    value = node.expressions[0].unnest()
    if isinstance(value, exp.Sub):
        return exp.paren(exp.Sub(this=_epoch(value.this), expression=_epoch(value.expression)))
    return _epoch(value)


def _epoch(value: exp.Expression) -> exp.Expression:
    zoned = exp.cast(value.copy(), exp.DataType.Type.TIMESTAMPLTZ)
    return exp.Anonymous(this="UNIX_MICROS", expressions=[zoned])


def _texts(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Lower):
        # The two letters whose lower case Java writes otherwise: by their place in the word, or as two signs.
        plain = [node.this, exp.Literal.string("\u03a3\u0130"), exp.Literal.string("\u03c3i")]
        return exp.Anonymous(this="LOWER", expressions=[exp.Anonymous(this="TRANSLATE", expressions=plain)])
    if isinstance(node, exp.Trim) and not node.expression:
        return exp.Anonymous(this="BTRIM", expressions=[node.this, exp.Literal.string(_SPACES)])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "strlen":
        return exp.Anonymous(this="OCTET_LENGTH", expressions=node.expressions)
    return node


def _lists(node: exp.Expression) -> exp.Expression:
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name == "list_position":
        found = exp.Anonymous(this="ARRAY_POSITION", expressions=node.expressions)
        return exp.func("NULLIF", found, exp.Literal.number(0))
    if name == "list_resize":
        empty, size, value = node.expressions
        if empty.find(exp.Literal, exp.Column):
            raise UntranslatableError("list_resize of a list that is not empty")
        return exp.Anonymous(this="ARRAY_REPEAT", expressions=[value, exp.cast(size, "INT")])
    if name == "list_sort":
        return exp.Anonymous(this="ARRAY_SORT", expressions=node.expressions)
    if name == "list_reduce":
        of, fold = node.expressions
        one = exp.Literal.number(1)
        rest = exp.Anonymous(
            this="SLICE", expressions=[of, exp.Literal.number(2), exp.Anonymous(this="SIZE", expressions=[of.copy()])]
        )
        return exp.Anonymous(
            this="AGGREGATE", expressions=[rest, exp.Anonymous(this="ELEMENT_AT", expressions=[of.copy(), one]), fold]
        )
    if isinstance(node, exp.ArrayToString):
        # Of a list of nothing but NULLs, NULL; Spark's is the empty text.
        template: exp.Expression = exp.maybe_parse(
            "IF(SIZE(x_) > 0 AND NOT EXISTS(x_, one -> one IS NOT NULL), NULL, y_)", dialect=Spark
        )
        return _filled(
            template, x_=node.this, y_=exp.Anonymous(this="ARRAY_JOIN", expressions=[node.this, node.expression])
        )
    if isinstance(node, exp.ArraySize):
        # Not cardinality: that is -1 of NULL.
        return exp.Anonymous(this="ARRAY_SIZE", expressions=[node.this])
    if isinstance(node, exp.Bracket):
        return _element(node)
    return node


def _element(node: exp.Bracket) -> exp.Expression:
    (index,) = node.expressions
    if isinstance(index, exp.Slice):
        if index.this is not None or index.expression is None:
            raise UntranslatableError("a slice that does not begin at the beginning")
        return exp.Anonymous(this="SLICE", expressions=[node.this, exp.Literal.number(1), index.expression])
    # From 1 in DuckDB, from the end below 0, and NULL for 0 and places that there are none of.
    return exp.Anonymous(
        this="TRY_ELEMENT_AT",
        expressions=[node.this, exp.func("NULLIF", exp.cast(index, "INT"), exp.Literal.number(0))],
    )


def _ordered_lists(node: exp.Expression) -> exp.Expression:
    """list(x ORDER BY y) [FILTER ...]: Spark collects without order and without NULLs, and nothing as an empty list."""
    is_filtered = isinstance(node, exp.Filter)
    collected = node.this if is_filtered else node
    if not isinstance(collected, exp.List) or (not is_filtered and isinstance(node.parent, exp.Filter)):
        return node
    (value,) = collected.expressions
    keys: list[exp.Ordered] = []
    if isinstance(value, exp.Order):
        keys, value = list(value.expressions), value.this
    fields = [exp.alias_(key.this.copy(), f"k{place}") for place, key in enumerate(keys)]
    struct = exp.Anonymous(this="STRUCT", expressions=[*fields, exp.alias_(value.copy(), "v")])
    rows: exp.Expression = exp.Anonymous(this="COLLECT_LIST", expressions=[struct])
    if is_filtered:
        rows = exp.Filter(this=rows, expression=node.expression)
    if keys:
        steps = "".join(_comparison(place, bool(key.args.get("desc"))) for place, key in enumerate(keys))
        # Parsed whole: alone, sqlglot takes the arrow for a path into JSON.
        template: exp.Expression = exp.maybe_parse(f"ARRAY_SORT(x_, (l, r) -> CASE {steps} ELSE 0 END)", dialect=Spark)
        rows = _filled(template, x_=rows)
    values = exp.Dot(this=exp.paren(rows), expression=exp.to_identifier("v"))
    return _filled(exp.maybe_parse("IF(SIZE(x_) = 0, NULL, y_)", dialect=Spark), x_=rows, y_=values)


def _filled(template: exp.Expression, **parts: exp.Expression) -> exp.Expression:
    for column in list(template.find_all(exp.Column)):
        if column.name in parts:
            column.replace(parts[column.name].copy())
    return template


def _comparison(place: int, is_falling: bool) -> str:
    """Which of l and r comes first by one key; NULL comes last either way."""
    left, right = f"l.k{place}", f"r.k{place}"
    before, after = (">", "<") if is_falling else ("<", ">")
    return (
        f"WHEN {left} {before} {right} OR ({right} IS NULL AND {left} IS NOT NULL) THEN -1 "
        f"WHEN {left} {after} {right} OR ({left} IS NULL AND {right} IS NOT NULL) THEN 1 "
    )


def _windows(node: exp.Expression) -> exp.Expression:
    """lag and lead look at a row, whatever the frame; Spark refuses one."""
    if not isinstance(node, exp.Window) or not isinstance(node.this, exp.Lag | exp.Lead):
        return node
    named = node.args.get("alias")
    select = node.find_ancestor(exp.Select)
    if named is None or select is None:
        return node
    window = next(w for w in select.args["windows"] if w.name == named.name)
    plain = window.copy()
    plain.set("spec", None)
    return exp.Window(this=node.this, partition_by=plain.args.get("partition_by"), order=plain.args.get("order"))


def _stars(node: exp.Expression) -> exp.Expression:
    """`t.* REPLACE (x AS c)`: the column goes behind; tables are filled by names."""
    if not isinstance(node, exp.Select):
        return node
    columns: list[exp.Expression] = []
    for column in node.expressions:
        columns.append(column)
        star = column.this if isinstance(column, exp.Column) else column
        if isinstance(star, exp.Star) and (replaced := star.args.get("replace")):
            star.set("replace", None)
            left_out = [*(star.args.get("except_") or []), *(exp.to_identifier(one.alias) for one in replaced)]
            star.set("except_", left_out)
            columns += replaced
    node.set("expressions", columns)
    return node


def _unnest(tree: exp.Expression) -> None:
    """SELECT unnest(list), generate_subscripts(list, 1): a lateral view, which gives both at once."""
    for select in list(tree.find_all(exp.Select)):
        listed = [one for one in select.expressions if isinstance(one.unalias(), exp.Explode | exp.Unnest)]
        if not listed:
            continue
        if len(listed) > 1 or not isinstance(listed[0], exp.Alias):
            raise UntranslatableError("unnest twice, or without a name")
        exploded = listed[0].unalias()
        of = exploded.this if isinstance(exploded, exp.Explode) else exploded.expressions[0]
        value, place = listed[0].alias, "place_"
        for one in list(select.expressions):
            call = one.unalias()
            if isinstance(call, exp.Anonymous) and call.name.lower() == "generate_subscripts":
                if call.expressions[0] != of:
                    raise UntranslatableError("subscripts of another list than the one unnested")
                one.replace(exp.alias_(exp.maybe_parse(f"unnested_.{place} + 1"), one.alias))
        listed[0].replace(exp.alias_(exp.column(value, "unnested_"), value))
        view = exp.Lateral(
            this=exp.Anonymous(this="POSEXPLODE", expressions=[of.copy()]),
            view=True,
            alias=exp.TableAlias(
                this=exp.to_identifier("unnested_"), columns=[exp.to_identifier(place), exp.to_identifier(value)]
            ),
        )
        select.append("laterals", view)


_RULES: tuple[Callable[[exp.Expression], exp.Expression], ...] = (
    _windows,
    _ordered_lists,
    _regular_expressions,
    _types,
    _microseconds,
    _texts,
    _lists,
    _stars,
)
_KNOWN_CALLS = frozenset(
    "AGGREGATE ARRAY_JOIN ARRAY_POSITION ARRAY_REPEAT ARRAY_SIZE ARRAY_SORT BTRIM COLLECT_LIST CONCAT_WS ELEMENT_AT"
    " EXISTS LOWER OCTET_LENGTH POSEXPLODE REGEXP_COUNT REGEXP_EXTRACT REGEXP_REPLACE RINT SIZE SLICE STRUCT TRANSLATE"
    " TRY_ELEMENT_AT TRY_URL_DECODE UNIX_MICROS".split()
)
