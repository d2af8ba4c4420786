"""The value of a single option: what is accepted in which form, and the line against the rest."""

from __future__ import annotations

import pytest

from conf.settings import Settings
from tests.support.servers.settings_loading import loaded

WEIGHTS = "must be weights from 1 to 999, such as public:2,relay:2,notices:1"
WRONG_SHARES = (
    "public:1,relay:1",
    "public:0,relay:1,notices:1",
    "a:1,b:1,c:1",
    "public:1,relay:1,notices:1,relay:2",
    "public:1.5,relay:1,notices:1",
)
LINK = "must be an https:// URL of up to 500 ASCII characters"
WRONG_LINKS = (
    "http://a.example/",
    "a.example",
    "javascript:alert(1)",
    "https://",
    "https:///a",
    "https://u:p@a.example",
    "https://a b.example",
    "https://a.example/ü",
)
ORIGIN = "an origin is written https://www.example.com and ends with host or port"
ORIGIN_HOST = "a host has letters, digits, hyphens and dots, and no wildcards"
ORIGIN_IPV6 = "an IPv6 address stands in brackets, as in http://[2001:db8::1]"
WRONG_ORIGINS = (
    *((each, ORIGIN) for each in ("null", "*", "www.example.com", "ftp://a.example")),
    *((f"https://{each}", ORIGIN) for each in ("a.example/b", "u@a.example", "a b", "a\\b")),
    *((f"https://{each}", ORIGIN_HOST) for each in ("*.a.example", "a..example", "a:x")),
    *((f"https://{each}", ORIGIN_IPV6) for each in ("[::1", "[a]", "[fe80::1%eth0]")),
    ("https://a.example:65536", "an origin has a port up to 65535"),
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("public_url", "https://sms.example.com/", "https://sms.example.com"),
        ("trusted_proxies", " 10.0.0.1, ::1,192.0.2.0/24 ,", "10.0.0.1,::1,192.0.2.0/24"),
        ("client_address_header", "x-forwarded-for", "X-Forwarded-For"),
        ("client_address_header", "X-REAL-IP", "X-Real-Ip"),
        ("admin_token", "12345678", "12345678"),
        ("webhook_token", "aZ09._~-", "aZ09._~-"),
        ("request_path", "/get-app", "/get-app/"),
        ("request_path", "/a/b.c_d~e/", "/a/b.c_d~e/"),
        ("default_country", "us", "US"),
        ("answer_countries", " us, Ca ,,", "US,CA"),
        ("answer_countries", "*", "*"),
        (
            "allowed_origins",
            " HTTPS://A.example/, http://b.example:80 ,",
            "https://a.example,http://b.example",
        ),
        ("allowed_origins", "https://a.example:443,https://a.example", "https://a.example"),
        ("allowed_origins", "https://Straße.example", "https://xn--strae-oqa.example"),
        ("allowed_origins", "https://bücher。example", "https://xn--bcher-kva.example"),
        ("allowed_origins", "http://[2001:DB8:0::1]:80", "http://[2001:db8::1]"),
        ("allowed_origins", "http://localhost:08080", "http://localhost:8080"),
        ("form_link", "", ""),
        ("form_link", "https://www.example.com", "https://www.example.com"),
        ("form_link", "https://a.example:8443/b?c=%20d&e#f", "https://a.example:8443/b?c=%20d&e#f"),
        ("form_link", "https://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ("rate_shares", "relay:9, public:1 ,notices:1,", "relay:9,public:1,notices:1"),
        ("answer_countries", "", ""),
        ("limit_amount", "0", 0),
        ("provider_timeout", "2.5", 2.5),
        ("nexmo_rate", "0", 0),
        ("nexmo_domain", "127.0.0.1:8080", "127.0.0.1:8080"),
        ("nexmo_domain", "[::1]:8080", "[::1]:8080"),
        ("nexmo_endpoint", "/sms/json", "sms/json"),
        ("nexmo_long_virtual_number", "", ""),
        ("nexmo_long_virtual_number", "12065550100", "12065550100"),
        ("nexmo_long_virtual_number", "+12065550100", "12065550100"),
        ("nexmo_long_virtual_number", "12345", "12345"),
        ("nexmo_long_virtual_number", "+123456789012345", "123456789012345"),
        ("nexmo_long_virtual_number", "1 206 555 0100", "12065550100"),
        ("nexmo_long_virtual_number", "1-206-555-0100", "12065550100"),
        ("nexmo_long_virtual_number", " 12065550100", "12065550100"),
        ("nexmo_long_virtual_number", "１２０６５５５０１００", "12065550100"),
        ("nexmo_dlr_url", "https://sms.example.com/dlr/", "https://sms.example.com/dlr/"),
        ("nexmo_dlr_url", "http://h/" + "d" * 91, "http://h/" + "d" * 91),
        ("nexmo_signature_method", "SHA256", "sha256"),
        ("number_insight", "Basic", "basic"),
        ("redis_url", "redis://localhost:6379/1", "redis://localhost:6379/1"),
        ("redis_url", "rediss+sentinel://h1,h2/s", "rediss+sentinel://h1,h2/s"),
        ("redis_url", "rediss+cluster://h1,h2", "rediss+cluster://h1,h2"),
        ("redis_url", "rediss://h", "rediss://h"),
        ("redis_url", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis_url", "redis+sentinel://a:1,b:2/main", "redis+sentinel://a:1,b:2/main"),
        ("redis_url", "redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
        ("logging", "WARNING", "warning"),
        ("log_to_stderr", "off", False),
    ],
)
def test_a_value_is_accepted_in_its_usual_form(name: str, text: str, expected: object) -> None:
    result = loaded(f"--{name}={text}")
    assert [] == result.problems
    assert expected == getattr(result.settings, name)


WHOLE = "not a whole number"
BOOLEAN = "not a boolean (true, false, yes, no, on, off, 1, 0)"
URL = "must be an absolute URL, http(s)://host/…"
HOST = "must be a host name, with :port if needed, and nothing else"
ADMIN = "must have 8 or more ASCII characters and no blanks"
TOKEN = "must have 8 or more characters, only ASCII letters, digits and . _ ~ -"
METHODS = "must be one of md5hash, md5, sha1, sha256, sha512"
NUMBER = "must be 5 to 15 digits, with or without a + in front"
REDIS = (
    "must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://;"
    " with TLS rediss+sentinel:// or rediss+cluster://"
)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "abc", WHOLE),
        ("port", "", WHOLE),
        ("port", "1_000", WHOLE),
        ("port", "８８８８", WHOLE),
        ("port", "٨٨", WHOLE),
        ("port", "80.0", WHOLE),
        ("port", "0x50", WHOLE),
        ("port", "-1", "must be 0 or more"),
        ("port", "65536", "must be 65535 or less"),
        ("limit_amount", "-1", "must be 0 or more"),
        ("limit_expires", "2147483648", "must be 2147483647 or less"),
        ("receiver_limit_amount", "-1", "must be 0 or more"),
        ("message_log_days", "0", "must be 1 or more"),
        ("redis_port", "0", "must be 1 or more"),
        ("redis_db", "-1", "must be 0 or more"),
        ("ring_timeout", "0", "must be 1 or more"),
        ("nexmo_rate", "-0.5", "must be 0 or more"),
        ("nexmo_rate", "nan", "not a number"),
        ("nexmo_rate", "inf", "not a number"),
        ("nexmo_rate", "１", "not a number"),
        ("provider_timeout", "0", "must be more than 0"),
        ("provider_timeout", "", "not a number"),
        ("nexmo_ssl", "maybe", BOOLEAN),
        ("nexmo_ssl", "", BOOLEAN),
        ("nexmo_ssl", "f", BOOLEAN),
        ("nexmo_ssl", "2", BOOLEAN),
        ("log_to_stderr", "", BOOLEAN),
        ("public_url", "sms.example.com", URL),
        ("public_url", "ftp://sms.example.com", URL),
        ("public_url", "https://", URL),
        ("public_url", "https://:80/", URL),
        ("public_url", "https://h:99999/", URL),
        ("public_url", "https://[::1/", URL),
        ("public_url", "https://h /", f"{URL}, in ASCII without blanks"),
        ("public_url", "https://h/?a=b", "must not contain '?' or '#'"),
        ("public_url", "https://u:p@h", "must not contain a user name"),
        ("nexmo_dlr_url", "https://h", "needs a path of its own after the host"),
        ("nexmo_dlr_url", "https://h/", "needs a path of its own after the host"),
        ("nexmo_dlr_url", "/dlr/", URL),
        ("nexmo_dlr_url", "https://h/dlr#x", "must not contain '?' or '#'"),
        ("trusted_proxies", "10.0.0.1,nginx", "item 2 is not an IP address or network"),
        ("client_address_header", "Forwarded", "must be one of X-Real-Ip, X-Forwarded-For"),
        ("data_dir", "", "must not be empty"),
        ("request_path", "message", "a path must start with '/'"),
        ("request_path", "", "a path must start with '/'"),
        ("request_path", "/", "the path '/' is taken"),
        ("request_path", "//", "a path must not contain '//'"),
        ("request_path", "/a//b", "a path must not contain '//'"),
        ("request_path", "/a/../b", "a path must not contain '.' or '..' as an element"),
        ("request_path", "/a/.", "a path must not contain '.' or '..' as an element"),
        ("request_path", "/a b", "a path has only ASCII letters, digits and . _ ~ - /"),
        ("request_path", "/(.*)", "a path has only ASCII letters, digits and . _ ~ - /"),
        ("request_path", "/größe", "a path has only ASCII letters, digits and . _ ~ - /"),
        ("answer_countries", "DE,USA", "must be a country code of two letters, such as DE"),
        *(("rate_shares", wrong, WEIGHTS) for wrong in WRONG_SHARES),
        *(("allowed_origins", wrong, reason) for wrong, reason in WRONG_ORIGINS),
        *(("form_link", wrong, LINK) for wrong in WRONG_LINKS),
        ("answer_countries", "DE US", "must be a country code of two letters, such as DE"),
        ("default_country", "DEU", "must be a country code of two letters, such as DE"),
        ("default_country", "", "must be a country code of two letters, such as DE"),
        ("default_country", "ÄÖ", "must be a country code of two letters, such as DE"),
        ("geoip_file", "/nonexistent.csv", "must end with .mmdb or .dat"),
        ("geoip_file", "/nonexistent.mmdb", "there is no such file"),
        ("geoip_file", "/\0.mmdb", "there is no such file"),
        ("chat_numbers", "12065550101,abc", "item 2 is not an international number"),
        ("chat_numbers", "0176123456", "item 1 is not an international number"),
        ("provider", "twilio", "must be nexmo, flowroute or smssync:<device>"),
        ("provider", "smssync:", "must be nexmo, flowroute or smssync:<device>"),
        ("provider", "", "must be nexmo, flowroute or smssync:<device>"),
        ("nexmo_domain", "https://rest.nexmo.com", HOST),
        ("nexmo_domain", "rest.nexmo.com/sms", HOST),
        ("nexmo_domain", "rest.nexmo.com:0", HOST),
        ("nexmo_domain", "rest.nexmo.com:99999", HOST),
        ("nexmo_api_domain", "", HOST),
        ("nexmo_endpoint", "/", "must be a path such as sms/json"),
        ("nexmo_endpoint", "sms/json?x", "must be a path such as sms/json"),
        ("nexmo_long_virtual_number", "1234", NUMBER),
        ("nexmo_long_virtual_number", "1234567890123456", NUMBER),
        ("nexmo_long_virtual_number", "+", NUMBER),
        ("nexmo_long_virtual_number", "MyBrand", NUMBER),
        ("nexmo_signature_method", "md4", METHODS),
        ("number_insight", "advanced", "must be one of off, basic"),
        ("logging", "loud", "must be one of debug, info, warning, error, none"),
        ("org_name", "\udcff", "not valid UTF-8"),
    ],
)
def test_a_wrong_value_is_one_line_and_leaves_the_default(
    name: str, text: str, reason: str
) -> None:
    result = loaded(f"--{name}={text}")
    shown = text.replace("\udcff", "?").replace("\0", "?")
    assert [f"--{name}={shown}: {reason}"] == result.problems
    assert Settings() == result.settings


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("admin_token", "hunter2", ADMIN),
        ("admin_token", "hunter2 hunter2", ADMIN),
        ("admin_token", "schlüssel", ADMIN),
        ("webhook_token", "hunter2", TOKEN),
        ("webhook_token", "hunter2/hunter2", TOKEN),
        (
            "webhook_token",
            "flowroute",
            "must not be a word that occurs in the gateway's own paths",
        ),
        ("redis_url", "localhost:hunter2", REDIS),
        ("redis_url", "redis://", REDIS),
        ("nexmo_api_secret", "hunter2\udcff", "not valid UTF-8"),
    ],
)
def test_a_wrong_secret_is_reported_without_its_value(name: str, text: str, reason: str) -> None:
    assert f"--{name}: {reason}" in loaded(f"--{name}={text}").problems
    assert f"{name.upper()}: {reason}" in loaded(environ={name.upper(): text}).problems
