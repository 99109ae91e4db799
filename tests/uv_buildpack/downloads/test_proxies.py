"""Which requests go to a proxy, and what other programs are told about it."""

from __future__ import annotations

import pytest

from uv_buildpack.downloads.proxies import read, variables

PROXY = "http://user:p%40ss@proxy.example:3128"


@pytest.mark.parametrize(
    ("exempt", "direct"),
    [
        ("index.example", True),
        ("INDEX.example", True),
        ("example", True),
        (".example", True),
        ("*.example", True),
        ("dex.example", False),
        ("other.example, index.example", True),
        ("other.example index.example", True),
        ("*", True),
        ("other.example,*", True),
        ("index.example:8443", True),
        ("index.example:443", False),
        (".example:8443", True),
        ("10.0.0.0/8", False),
        ("", False),
        (" , ,", False),
    ],
)
def test_an_entry_is_a_host_with_all_below_it_and_may_have_a_port(exempt: str, *, direct: bool) -> None:
    chosen = read({"HTTPS_PROXY": PROXY, "NO_PROXY": exempt})
    assert chosen.of("https://index.example:8443/simple/") == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("url", "exempt", "direct"),
    [
        ("https://10.1.2.3/", "10.0.0.0/8", True),
        ("https://10.1.2.3/", "10.1.2.3", True),
        ("https://10.1.2.3:8443/", "10.1.2.3:8443", True),
        ("https://11.1.2.3/", "10.0.0.0/8", False),
        ("https://10.1.2.3/", "10.9.9.9/8", True),
        ("https://[fd00::7]/", "fd00::/8", True),
        ("https://[fd00::7]/", "fd00::7", True),
        ("https://[fd00::7]:8443/", "[fd00::7]:8443", True),
        ("https://[fd00::7]/", "[fd00::7]:8443", False),
        ("https://10.1.2.3/", "2.3", False),
        ("https://index.example/", "index.example:443", True),
    ],
)
def test_an_entry_may_be_an_address_or_a_network(url: str, exempt: str, *, direct: bool) -> None:
    assert read({"HTTPS_PROXY": PROXY, "NO_PROXY": exempt}).of(url) == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, {"https": "http://a"}),
        ({"https_proxy": "http://b"}, {"https": "http://b"}),
        ({"ALL_PROXY": "a.example:3128"}, {"http": "http://a.example:3128", "https": "http://a.example:3128"}),
        ({"HTTP_PROXY": "http://a", "all_proxy": "http://b"}, {"http": "http://a", "https": "http://b"}),
        ({"HTTPS_PROXY": " "}, {}),
    ],
)
def test_upper_case_counts_before_lower_case_and_a_scheme_may_be_missing(
    environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert read(environment).addresses == expected


def test_other_programs_are_told_what_all_of_them_understand() -> None:
    told = variables({"HTTPS_PROXY": PROXY, "no_proxy": "*.corp.example,10.0.0.0/8,index.example:8443,localhost"})
    hosts = "corp.example,10.0.0.0/8,index.example,localhost"
    assert told == {"HTTPS_PROXY": PROXY, "https_proxy": PROXY, "NO_PROXY": hosts, "no_proxy": hosts}


def test_where_nothing_goes_to_a_proxy_other_programs_hear_of_none() -> None:
    assert variables({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}) == {}
