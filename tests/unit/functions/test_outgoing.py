"""Which addresses requests may go to."""

from ipaddress import ip_address

import pytest

from flume.errors import SettingError
from functions.outgoing import AddressPolicy


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::a9fe:a9fe",
        "2001:0:1:2:3:4:5601:5601",
    ],
)
def test_link_local_and_metadata_addresses_are_refused_in_every_disguise(address: str) -> None:
    assert not AddressPolicy().permits(ip_address(address))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "8.8.8.8", "fd12::1", "2606:4700::1111"]
)
def test_loopback_private_and_public_addresses_are_permitted(address: str) -> None:
    assert AddressPolicy().permits(ip_address(address))


def test_the_deny_list_adds_networks() -> None:
    policy = AddressPolicy(deny=["10.0.0.0/8", "fd00::/8"])

    assert not policy.permits(ip_address("10.1.2.3"))
    assert not policy.permits(ip_address("::ffff:10.1.2.3"))
    assert not policy.permits(ip_address("fd12::1"))
    assert policy.permits(ip_address("11.1.2.3"))


def test_the_allow_list_overrules_both_lists() -> None:
    policy = AddressPolicy(allow=["169.254.169.254/32", "10.1.0.0/16"], deny=["0.0.0.0/0", "::/0"])

    assert policy.permits(ip_address("169.254.169.254"))
    assert policy.permits(ip_address("10.1.2.3"))
    assert not policy.permits(ip_address("169.254.169.253"))
    assert not policy.permits(ip_address("10.2.2.3"))
    assert not policy.permits(ip_address("::1"))


def test_names_of_metadata_services_are_refused_wherever_they_lead() -> None:
    policy = AddressPolicy()

    assert not policy.permits(ip_address("10.0.0.1"), "Metadata.Google.Internal.")
    assert AddressPolicy(allow=["10.0.0.1/32"]).permits(ip_address("10.0.0.1"), "metadata.google.internal")


def test_a_network_that_is_none_names_its_setting() -> None:
    with pytest.raises(SettingError, match=r"FLUME_HTTP_DENY: 'ten' is not a network"):
        AddressPolicy(deny=["ten"])
