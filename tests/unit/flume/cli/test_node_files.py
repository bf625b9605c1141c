from flume.cli.node_files import without_own


def test_node_files_see_none_of_flumes_settings_secrets_and_keys():
    ours = {"FLUME_DATA": "data", "VLLM_API_KEY": "a", "FLUME_SECRET_MAIL": "b", "FLUME_FUNCTION_KEY": "c"}

    assert without_own({**ours, "PATH": "/bin", "FLUMES": "1"}) == {"PATH": "/bin", "FLUMES": "1"}
