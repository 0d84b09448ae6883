"""What is put on a device, told once: the broker, as whom to connect, what may be sent, and its certificate."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from services.devices import broker_folder
from services.devices.credentials import Prepare, Secret
from shared.broker import Broker
from shared.errors import ConfigError, VouchError
from shared.settings import AccessSettings
from shared.topics import ROOT, Channel

# As deploy/mosquitto/mosquitto.conf has it (max_keepalive).
_KEEP_ALIVE: Final = "at most 300 s; by MQTT 3.1.1 a longer one, or 0, is refused: client identifier not valid"
_SEEN: Final = """\
-P shows the password to other accounts of this machine while the command runs. Where there are any, put the options
into ~/.config/mosquitto_pub instead, one a line, and keep that file to yourself (chmod 600)."""


@contextmanager
def to_device(settings: AccessSettings, prefix: Path | None, *, now: datetime) -> Iterator[Prepare]:
    """What writes the certificate of a credential to `prefix`.crt, .key and .ca.crt before the broker hears of it.

    Nothing is overwritten, and when the block fails nothing is left. Raises VouchError when a file cannot be written
    or the credential is of the other kind, ConfigError when a setting that certificates need is missing.
    """
    written: list[Path] = []

    def prepare(secret: Secret) -> None:
        if secret.password is None and prefix is None:
            raise VouchError(f"{secret.name}: its credential is a certificate: say where to with --certificate PREFIX")
        if secret.password is not None and prefix is not None:
            raise VouchError(f"{secret.name}: its credential is a password; revoke it to give it a certificate")
        if prefix is not None:
            _write(settings, secret, prefix, written, now)

    try:
        yield prepare
    except BaseException:
        for file in written:
            file.unlink()
        raise


def instructions(secret: Secret, settings: AccessSettings, prefix: Path | None, *, now: datetime) -> str:
    """The lines to print, the secret among them, and a command that reports a value of `now`."""
    url = settings.mqtt_device_url if prefix is None else _certificate_url(settings)
    lines = [("broker", url), ("client id", secret.username)]
    if secret.password is None:
        lines += [(what, str(file)) for what, file in zip(("certificate", "key", "CA"), _files(prefix), strict=True)]
    else:
        lines += [("username", secret.username), ("password", secret.password)]
        lines += [("CA", str(settings.mqtt_ca_file))] if settings.mqtt_ca_file else []
    lines += [("keep alive", _KEEP_ALIVE)]
    lines += [("may send", topic) for topic in secret.topics("publishClientSend")]
    lines += [("may read", topic) for topic in secret.topics("subscribePattern") or ["nothing"]]
    told = [f"{what:12}{text}" for what, text in lines]
    command = _example(secret, settings, prefix, now)
    warned = [] if secret.password is None else ["", _SEEN]
    return "\n".join([f"{secret.name}: shown this once", *told, "", "to try it (it is stored):", command, *warned])


def _example(secret: Secret, settings: AccessSettings, prefix: Path | None, now: datetime) -> str:
    broker = Broker.parse(settings.mqtt_device_url if prefix is None else _certificate_url(settings))
    command = ["mosquitto_pub", "-V", "mqttv5", "-h", broker.host, "-p", str(broker.port), "-i", secret.username]
    if secret.password is None:
        certificate, key, ca = _files(prefix)
        command += ["--cafile", str(ca), "--cert", str(certificate), "--key", str(key)]
    else:
        command += ["--cafile", str(settings.mqtt_ca_file)] if settings.mqtt_ca_file else []
        command += ["-u", secret.username, "-P", secret.password]
    command += ["-q", "1", "-t", f"{ROOT}/{secret.path}/{_channel(secret)}", "-m", _said(secret, now)]
    return shlex.join(command)


def _channel(secret: Secret) -> Channel:
    return Channel.EVENT if secret.sensor is None else Channel.TELEMETRY


def _said(secret: Secret, now: datetime) -> str:
    at = {"ts": now.isoformat(timespec="seconds").replace("+00:00", "Z")}
    # A machine without sensors reports codes; which one is for whoever tries it to say.
    return json.dumps(at | ({"code": "CODE"} if secret.sensor is None else {"values": {secret.sensor: 1.0}}))


def _write(settings: AccessSettings, secret: Secret, prefix: Path, written: list[Path], now: datetime) -> None:
    _certificate_url(settings)
    if settings.mqtt_authority is None:
        raise ConfigError("VOUCH_MQTT_AUTHORITY: is not set; it names the folder of the certificate authority")
    authority = broker_folder.authority(settings.mqtt_authority)
    issued = authority.for_device(secret.username, secret.path, now=now)
    contents = (issued.certificate, issued.key, authority.issued.certificate)
    for file, content in zip(_files(prefix), contents, strict=True):
        try:
            broker_folder.write_new(file, content, is_secret=content is issued.key)
        except OSError as error:
            raise VouchError(f"certificate: {file}: {error.strerror}") from error
        written.append(file)


def _files(prefix: Path | None) -> tuple[Path, Path, Path]:
    assert prefix is not None
    certificate, key, ca = (prefix.with_name(prefix.name + end) for end in (".crt", ".key", ".ca.crt"))
    return certificate, key, ca


def _certificate_url(settings: AccessSettings) -> str:
    if settings.mqtt_certificate_url is None:
        raise ConfigError("VOUCH_MQTT_CERTIFICATE_URL: is not set; it says where devices show a certificate")
    return settings.mqtt_certificate_url
