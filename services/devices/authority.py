"""The certificate authority of one installation: what the broker shows devices, and what devices may show it."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import ConfigError

AUTHORITY_DAYS = 3_650
# Devices are visited rarely; the broker's own certificate is replaced without touching them.
DEVICE_DAYS = 3_650
SERVER_DAYS = 825
# A device whose clock is a day slow must still see a certificate that is valid.
_BACKDATED = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """A certificate authority that signs with ECDSA over P-256."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, *, now: dt.datetime) -> Self:
        """A new authority, of `AUTHORITY_DAYS`; it may sign certificates and nothing below it may."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named(f"vouch authority {x509.random_serial_number():x}"[:64])
        builder = (
            _builder(name, key.public_key(), name, now=now, days=AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
        )
        return cls(certificate=builder.sign(key, hashes.SHA256()), key=key)

    @classmethod
    def load(cls, issued: Issued) -> Self:
        """Raises ConfigError when the two are not a certificate and its key."""
        try:
            certificate = x509.load_pem_x509_certificate(issued.certificate)
            key = serialization.load_pem_private_key(issued.key, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError("the authority's certificate or key cannot be read") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ConfigError("the authority's key is not the one of its certificate")
        return cls(certificate=certificate, key=key)

    @property
    def issued(self) -> Issued:
        """The authority itself as PEM."""
        return _pem(self.certificate, self.key)

    def for_server(self, hosts: Sequence[str], *, now: dt.datetime) -> Issued:
        """A broker's certificate for these host names and addresses; the first is its common name."""
        # A common name holds 64 characters; clients look at the alternative names only.
        return self._issue(
            hosts[0][:64], [_alternative(host) for host in hosts], ExtendedKeyUsageOID.SERVER_AUTH, SERVER_DAYS, now
        )

    def for_device(self, username: str, path: str, *, now: dt.datetime) -> Issued:
        """A device's certificate: the broker takes its common name for the username; `path` is for people."""
        alternatives = [x509.UniformResourceIdentifier(f"urn:vouch:{path}")]
        return self._issue(username, alternatives, ExtendedKeyUsageOID.CLIENT_AUTH, DEVICE_DAYS, now)

    def _issue(
        self,
        common_name: str,
        alternatives: Sequence[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
        days: int,
        now: dt.datetime,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            _builder(_named(common_name), key.public_key(), self.certificate.subject, now=now, days=days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(signed_by, critical=False)
        )
        return _pem(builder.sign(self.key, hashes.SHA256()), key)


def hosts_of(certificate: bytes) -> list[str]:
    """The names and addresses a broker's certificate (PEM) holds for."""
    extensions = x509.load_pem_x509_certificate(certificate).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def valid_until(certificate: bytes) -> dt.datetime:
    """When a certificate (PEM) expires."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name, *, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
