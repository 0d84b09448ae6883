"""What is read out of apt's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.embedded.debian import mirrors, planned

URIS = """\
'http://mirror.example/debian/dists/bookworm/InRelease' a_InRelease 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' a_Packages 0
'http://mirror.example/debian/dists/bookworm-updates/InRelease' b_InRelease 0
'http://mirror.example/debian-security/dists/bookworm-security/InRelease' c_InRelease 0
'https://example.org/node_20.x/dists/nodistro/InRelease' d_InRelease 0
"""


def test_the_mirror_is_where_the_machine_gets_its_own_suite_from() -> None:
    assert mirrors(URIS, "bookworm") == ["http://mirror.example/debian"]


@pytest.mark.parametrize("suite", ["stable", "testing", "unstable"])
def test_a_machine_may_name_its_suite_by_its_role(suite: str) -> None:
    assert mirrors(f"'mirror://m/debian/dists/{suite}/Release' x 0\n", "trixie") == ["mirror://m/debian"]


def test_a_machine_without_a_mirror_of_its_suite_has_none() -> None:
    assert mirrors(URIS, "noble") == []


@given(st.lists(st.from_regex(r"https?://[a-z.]{1,20}/[a-z/]{0,10}[a-z]", fullmatch=True)))
def test_every_mirror_is_named_once_in_its_order(uris: list[str]) -> None:
    said = "".join(f"'{uri}/dists/noble/InRelease' x 0\n'{uri}/dists/noble/Release' y 0\n" for uri in uris)
    assert mirrors(said, "noble") == list(dict.fromkeys(uris))


def test_compilers_and_maintainers_languages_are_left_out_of_the_plan() -> None:
    simulation = """\
Reading package lists...
Inst libc6 (2.41-12 Debian:13.0/stable [amd64])
Inst libllvm19 (1:19.1.7-3 Debian:13.0/stable [amd64])
Inst perl-base (5.40.1-6 Debian:13.0/stable [amd64])
Inst libperl5.40 (5.40.1-6 Debian:13.0/stable [amd64])
Inst mosquitto (2.0.21-1 Debian:13.0/stable [amd64])
Conf libc6 (2.41-12 Debian:13.0/stable [amd64])
"""
    assert planned(simulation) == ["libc6", "mosquitto"]
