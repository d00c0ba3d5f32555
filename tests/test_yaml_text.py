import pytest
from pydantic import BaseModel, ConfigDict, Field

from gateway.yaml_text import ConfigurationError, build_model, parse, read_document


def problem_of(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:30", "22:30"),
        ("09:30-12:00", "09:30-12:00"),
        ("0700", "0700"),
        ("0o17", "0o17"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        ("no", "no"),
        ("NO", "NO"),
        ("off", "off"),
        ("yes", "yes"),
        ("True", "True"),
        ("y", "y"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e3", "1e3"),
        ("2027-01-01", "2027-01-01"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("127.0.0.1", "127.0.0.1"),
        ("=", "="),
        ("<<", "<<"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("700", 700),
        ("0.5", 0.5),
        ("-1.25e-3", -0.00125),
        ("[1, a]", [1, "a"]),
        ("{}", {}),
    ],
)
def test_only_plain_values_are_more_than_text(text, value):
    read = parse(f"name: {text}", "f.yaml").value["name"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: a is given twice (first in line 1)"),
        ("a:\n  b: 1\n  b: 1", "f.yaml:3:3: b is given twice (first in line 2)"),
        ("x: {a: 1, a: 2}", "f.yaml:1:11: a is given twice (first in line 1)"),
        ("1: a", "f.yaml:1:1: a name must be a plain text"),
        ("? [a]\n: b", "f.yaml:1:3: a name must be a plain text"),
        ("a: &x 1\nb: *x", "f.yaml:2:4: not YAML: aliases (*name) are not accepted"),
        ("a: !!python/name:os.system ''", "the tag tag:yaml.org,2002:python/name:os.system is not accepted"),
        ("a: !!int x", "'x' does not fit the tag tag:yaml.org,2002:int"),
        ("a: !!set {b}", "f.yaml:1:4: the tag tag:yaml.org,2002:set is not accepted"),
        (
            "---\na: 1\n---\nb: 1",
            "f.yaml:3:1: not YAML: expected a single document in the stream, but found another document",
        ),
        ("a: [1", "f.yaml:1:6: not YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("\ta: 1", "f.yaml:1:1: not YAML: while scanning for the next token"),
        ("a: b: c", "f.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("a: \x00", "f.yaml: not YAML: "),
        ("[" * 33 + "]" * 33, "f.yaml:1:33: not YAML: nested more than 32 levels deep"),
        ("[" * 20_000, "f.yaml:1:33: not YAML: nested more than 32 levels deep"),
        ("a: " + "{b: " * 20_000, "f.yaml:1:125: not YAML: nested more than 32 levels deep"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_its_place(text, problem):
    assert problem in problem_of(text)


def test_all_problems_are_told_at_once_in_reading_order():
    lines = problem_of("a: 1\n1: x\na: 2\nc: !!set {d}").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["f.yaml:2:1:", "f.yaml:3:1:", "f.yaml:4:4:"]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int = Field(default=1, ge=1)
    names: tuple[str, ...] = Field(default=("a",), min_length=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    needed: bool


def problems_of(text):
    with pytest.raises(ConfigurationError) as caught:
        build_model(parse(text, "f.yaml"), Outer, {})
    return str(caught.value).splitlines()


def test_a_right_document_becomes_the_model():
    model = build_model(parse("needed: true\ninner: {size: 2, names: [x, y]}", "f.yaml"), Outer, {})
    assert model == Outer(needed=True, inner=Inner(size=2, names=("x", "y")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("inner: {}", "f.yaml:1:1: needed: is missing"),
        ("", "f.yaml: needed: is missing"),
        ("needed: no", "f.yaml:1:9: needed: must be a valid boolean, found 'no'"),
        ("needed: 1", "f.yaml:1:9: needed: must be a valid boolean, found 1"),
        ("needed: true\ninner:\n  size: '2'", "f.yaml:3:9: inner.size: must be a valid integer, found '2'"),
        (
            "needed: true\ninner:\n  size: 0",
            "f.yaml:3:9: inner.size: must be greater than or equal to 1, found 0",
        ),
        ("needed: true\ninner:\n  sise: 2", "f.yaml:3:3: inner.sise: unknown name; did you mean size?"),
        ("needed: true\nzzz: 2", "f.yaml:2:1: zzz: unknown name; known here: inner, several, needed"),
        (
            "needed: true\nseveral:\n- {sise: 1}",
            "f.yaml:3:4: several.0.sise: unknown name; did you mean size?",
        ),
        ("needed: true\ninner: {names: []}", "f.yaml:2:16: inner.names: needs at least 1"),
        ("needed: true\ninner: {names: [1]}", "f.yaml:2:17: inner.names.0: must be a valid string, found 1"),
        ("needed: true\ninner:", "f.yaml:2:7: inner: must be an object, found None"),
        ("[1]", "f.yaml:1:1: must be an object, found [1]"),
        ("needed: 99999999999999999999", "f.yaml:1:1: a number is too long: Integer exceeds 64-bit range"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_place(text, problem):
    assert problems_of(text) == [problem]


def test_every_value_that_does_not_fit_is_told():
    assert len(problems_of("needed: x\ninner: {size: x, names: x, more: x}\nless: x")) == 5


def test_a_long_value_is_cut_short():
    assert len(problems_of(f"needed: {'x' * 1000}")[0]) < 150


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf8_is_told(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigurationError, match="it is not UTF-8"):
        read_document(path)
