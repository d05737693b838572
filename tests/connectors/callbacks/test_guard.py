import pytest

from connectors.callbacks.guard import UrlRefused, all_public, check_url, is_public

PRIVATE = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "not-a-number", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)
    assert not all_public(["8.8.8.8", address])


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


def test_no_address_at_all_is_not_public() -> None:
    assert not all_public([])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org/", "only https"),
        ("ftp://example.org/", "only https"),
        ("//example.org/", "only https"),
        ("https:///path", "names no host"),
        ("https://example.org:0/", "names no host"),
        ("https://example.org:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("https://user:pass@example.org/", "user and password"),
        ("https://user@example.org/", "user and password"),
        ("https://@example.org/", "user and password"),
        ("https://example.org/#part", "after #"),
        ("https://example.org/a b", "no blanks"),
        ("https://example.org/\r\nHost: x", "no blanks"),
        ("https://ex\u00e4mple.org/", "ASCII"),
        ("https://127.0.0.1/", "public internet"),
        ("https://169.254.169.254/latest/meta-data", "public internet"),
        ("https://[::ffff:10.0.0.1]/", "public internet"),
        ("https://[fe80::1%25eth0]/", "public internet"),
    ],
)
def test_says_what_to_change_about_an_address_that_is_never_posted_to(url: str, says: str) -> None:
    with pytest.raises(UrlRefused, match=says):
        check_url(url, local=False)


@pytest.mark.parametrize("url", ["https://example.org/hook?k=1", "https://example.org:8443", "https://8.8.8.8/x"])
def test_takes_an_address_on_the_internet(url: str) -> None:
    assert check_url(url, local=False).geturl() == url


def test_takes_an_address_of_this_machine_where_that_is_allowed() -> None:
    assert check_url("http://127.0.0.1:9000/hook", local=True).port == 9000
    with pytest.raises(UrlRefused):
        check_url("file:///etc/passwd", local=True)
