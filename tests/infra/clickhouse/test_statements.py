import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse.statements import ScriptError, split_statements


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("", []),
        (" ; ;\n", []),
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT \"a;b\", `c;d`", ["SELECT ';'", 'SELECT "a;b", `c;d`']),
        (r"SELECT 'it''s; \'fine\';'; SELECT 2", [r"SELECT 'it''s; \'fine\';'", "SELECT 2"]),
        ("SELECT 1 -- not; here\n; /* nor; here */ SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT $tag$ ; -- ' $tag$; SELECT 3 - 1 / 2", ["SELECT $tag$ ; -- ' $tag$", "SELECT 3 - 1 / 2"]),
    ],
)
def test_script_is_cut_at_semicolons_outside_of_quotes_and_comments(script: str, statements: list[str]) -> None:
    assert split_statements(script) == statements


@pytest.mark.parametrize("script", ["SELECT 1;\nSELECT 'open", "SELECT 1;\n/* open", 'SELECT 1;\nSELECT "open'])
def test_script_is_refused_with_its_line_when_a_quote_stays_open(script: str) -> None:
    with pytest.raises(ScriptError, match=r"line 2.*never closed"):
        split_statements(script)


@given(st.lists(st.text(st.characters(exclude_characters="\\'", codec="utf-8")), max_size=5))
def test_quoted_text_comes_back_unchanged_when_it_is_between_semicolons(texts: list[str]) -> None:
    statements = [f"SELECT '{text}'" for text in texts]
    assert split_statements(";\n".join(statements)) == statements
