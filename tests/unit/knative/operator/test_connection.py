"""How the API server is found and called, from kubeconfigs and from a pod's service account."""

import base64
import shutil
import ssl
import subprocess

import kopf
import pytest
import yaml

from flume.errors import SettingError
from knative.operator.connection import Connection, connection_to, find_access
from tests.servers.own_process import do_without


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate and its key, as PEM."""
    if shutil.which("openssl") is None:
        do_without("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        [*command, "-keyout", key, "-out", made, "-subj", "/CN=flume", "-days", "1"], check=True, capture_output=True
    )
    return made.read_bytes(), key.read_bytes()


def encoded(content):
    return base64.b64encode(content).decode()


@pytest.fixture
def kubeconfig(tmp_path, monkeypatch):
    """Writes a kubeconfig and makes it the one that counts."""

    def write(cluster, user=None, **more):
        name = {"name": "here"}
        config = {
            "current-context": "here",
            "contexts": [{**name, "context": {"cluster": "here", "user": "here"}}],
            "clusters": [{**name, "cluster": cluster}],
            "users": [{**name, "user": user or {}}],
            **more,
        }
        file = tmp_path / "config"
        file.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(file))

    return write


def test_a_kubeconfig_names_server_and_token(kubeconfig):
    kubeconfig({"server": "http://127.0.0.1:8001"}, {"token": "t"})
    connection = connection_to(find_access())
    assert connection == Connection("http://127.0.0.1:8001", {"Authorization": "Bearer t"}, None)
    assert "Bearer t" not in repr(connection)


def test_without_a_token_nothing_says_who_calls(kubeconfig):
    kubeconfig({"server": "http://127.0.0.1:8001"})
    assert connection_to(find_access()).headers == {}


def test_a_kubeconfig_without_a_current_context_is_told_by_its_variable(kubeconfig):
    kubeconfig({"server": "http://x"}, **{"current-context": "elsewhere"})
    with pytest.raises(SettingError, match="KUBECONFIG: expected a kubeconfig with a current context"):
        find_access()


def test_nothing_at_all_is_told_by_the_same_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SettingError, match="KUBECONFIG: expected the path of a kubeconfig"):
        find_access()


def test_an_authority_of_the_clusters_own_is_trusted_alone(kubeconfig, certificate):
    authority, _ = certificate
    kubeconfig({"server": "https://127.0.0.1:6443", "certificate-authority-data": encoded(authority)})
    tls = connection_to(find_access()).tls
    assert [each["subject"] for each in tls.get_ca_certs()] == [((("commonName", "flume"),),)]
    assert (tls.check_hostname, tls.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT


def test_an_authority_in_a_file_is_too(kubeconfig, certificate, tmp_path):
    (tmp_path / "ca.crt").write_bytes(certificate[0])
    kubeconfig({"server": "https://127.0.0.1:6443", "certificate-authority": str(tmp_path / "ca.crt")})
    assert len(connection_to(find_access()).tls.get_ca_certs()) == 1


def test_only_who_says_so_is_not_checked(kubeconfig):
    kubeconfig({"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True})
    tls = connection_to(find_access()).tls
    assert (tls.check_hostname, tls.verify_mode) == (False, ssl.CERT_NONE)


@pytest.mark.parametrize("in_files", [True, False], ids=["files", "data"])
def test_a_certificate_of_the_caller_is_shown(kubeconfig, certificate, tmp_path, in_files, monkeypatch):
    made, key = certificate
    shown = []
    load = ssl.SSLContext.load_cert_chain

    def noting(context, *files):
        shown.append(load(context, *files))

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", noting)
    if in_files:
        (tmp_path / "c.pem").write_bytes(made)
        (tmp_path / "k.pem").write_bytes(key)
        user = {"client-certificate": str(tmp_path / "c.pem"), "client-key": str(tmp_path / "k.pem")}
    else:
        user = {"client-certificate-data": encoded(made), "client-key-data": encoded(key)}
    kubeconfig({"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}, user)
    connection_to(find_access())
    assert len(shown) == 1


def test_certificates_that_are_none_are_told_without_being_repeated():
    access = kopf.ConnectionInfo(server="https://x", ca_data=encoded(b"no certificate, but a secret"))
    with pytest.raises(SettingError, match="KUBECONFIG: expected certificates that can be read") as caught:
        connection_to(access)
    assert "a secret" not in str(caught.value)


def test_data_may_be_pem_as_it_is(certificate):
    access = kopf.ConnectionInfo(server="https://x", ca_data=certificate[0])
    assert len(connection_to(access).tls.get_ca_certs()) == 1
