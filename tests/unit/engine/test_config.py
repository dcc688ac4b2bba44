"""Settings: defaults without a file, errors that name file and key, and a page that matches the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import ConfigError, Settings, describe, load_settings, parse_settings

pytestmark = pytest.mark.unit


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVR_CONFIG", raising=False)
    settings = load_settings()
    assert settings == Settings()
    assert settings.database_url == "sqlite:///var/ivr.db"


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other.toml"
    file.write_text('[dialer]\nconcurrency = 3\n[paths]\nvar = "here"\n[speech.zh-CN]\nrecognizer = "vosk"\n')
    monkeypatch.setenv("IVR_CONFIG", str(file))
    settings = load_settings()
    assert settings.dialer.concurrency == 3
    assert settings.paths.var == tmp_path / "here"
    assert settings.speech_of("zh-CN").recognizer == "vosk"
    assert settings.speech_of("en").recognizer is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[dialer]\nconcurrency = 0", "dialer.concurrency"),
        ("[dialer]\nconcurency = 5", "there is no setting dialer.concurency"),
        ('[speech.chinese]\nvoice = "x"', "speech.chinese"),
        ('[api]\nallowed_hosts = ["https://crm/x"]', "api.allowed_hosts"),
        ('[web]\nhost = "nowhere at all"', "web.host"),
        ('[queues.care]\nagents = {1001 = "601"}', "ivr desk load roster.yaml"),
        ("queues = 1", "remove [queues], then take the roster in"),  # no command runs before
        (
            '[mail]\nhost = "10.0.0.9"\nsecurity = "none"\nuser = "ivr"\npassword_env = "MAIL_PASSWORD"',
            "mail: security = none would send the password in clear; write starttls or tls",
        ),
        ("dialer = ", "isn't TOML"),
    ],
)
def test_errors_name_file_and_key(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text.encode(), Path("my.toml"))
    assert "my.toml" in str(caught.value)
    assert sentence in str(caught.value)
    assert caught.value.template.format(**caught.value.params) == str(caught.value)


@pytest.mark.parametrize(
    ("host", "security", "user", "taken"),
    [
        ("localhost", "none", True, True),
        ("127.0.0.2", "none", True, True),
        ("::1", "none", True, True),
        ("mail.example.com", "none", True, False),
        ("localhost.example.com", "none", True, False),
        ("mail.example.com", "none", False, True),
        ("mail.example.com", "starttls", True, True),
        ("mail.example.com", "tls", True, True),
    ],
)
def test_a_password_goes_in_clear_to_this_machine_only(host: str, security: str, user: bool, taken: bool) -> None:
    signs_in = 'user = "ivr"\npassword_env = "MAIL_PASSWORD"' if user else ""
    text = f'[mail]\nhost = "{host}"\nsecurity = "{security}"\n{signs_in}'
    if taken:
        assert parse_settings(text.encode(), Path("my.toml")).mail.host == host
        return
    with pytest.raises(ConfigError, match="send the password in clear"):
        parse_settings(text.encode(), Path("my.toml"))


def test_wrong_encoding_and_missing_file_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        parse_settings("[web]\nhost='值班电话'".encode("gb18030"), Path("my.toml"))
    with pytest.raises(ConfigError, match="no configuration file"):
        load_settings(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="can't be read"):
        load_settings(tmp_path)


def test_the_page_matches_the_model() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert describe() in page, "write `python -c 'import ivr.config; print(ivr.config.describe())'` into the page"
