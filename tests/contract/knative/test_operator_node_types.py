"""Resources of node types, from the operator as a process to a real orchestrator: what the API knows follows them."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SHOUT = """\
apiVersion: flume.dev/v1
kind: NodeType
metadata: {name: shout, namespace: flume}
spec:
  image: registry.example.org/shout:1
  lanes: [cpu]
  schema: {input: {type: object, properties: {text: {type: string}}, required: [text]}}
"""

USING = """\
apiVersion: flume.dev/v1
kind: Pipeline
metadata: {name: loud, namespace: shop}
spec:
  nodes:
  - {id: shout, type: shout, runOn: cpu, inputs: {text: quiet}}
"""


async def known(installation):
    status, found = await installation.call("GET", "/nodes/shout")
    return found if status == 200 else None


async def saved(installation):
    status, found = await installation.call("GET", "/pipelines/loud?namespace=shop")
    return found if status == 200 else None


async def live(installation):
    """Once the type is known, and the pipeline that uses it is saved and has its function."""
    await installation.kubernetes.apply(SHOUT)
    await installation.kubernetes.apply(USING)
    installation.operator()
    await installation.until(lambda: saved(installation), "the pipeline")
    await installation.until(lambda: "fn-shout-cpu" in installation.kubernetes.named("services"), "the function")


async def test_a_type_that_is_applied_is_known_to_the_api_and_pipelines_can_use_it(installation):
    await live(installation)

    found = await known(installation)
    assert (found["image"], found["lanes"], found["source"]) == (
        "registry.example.org/shout:1",
        ["cpu"],
        "NodeType shout",
    )
    assert found["inputSchema"]["required"] == ["text"]
    await installation.until(
        lambda: installation.condition("nodetypes", "flume", "shout", "Saved").get("status") == "True",
        "that it is saved",
    )


async def test_a_pipeline_that_was_refused_for_want_of_its_type_is_saved_as_soon_as_that_comes(installation):
    await installation.kubernetes.apply(USING)
    installation.operator()
    await installation.until(
        lambda: "(unknown-node-type)" in installation.condition("pipelines", "shop", "loud").get("message", ""),
        "the refusal",
    )
    await installation.kubernetes.apply(SHOUT)
    # Far less than the minute after which refused things are tried again in any case.
    await installation.until(lambda: saved(installation), "the pipeline")


async def test_a_change_reaches_the_api_and_one_that_is_wrong_is_told_and_changes_nothing(installation):
    await live(installation)
    await installation.kubernetes.apply(SHOUT.replace("shout:1", "shout:2"))

    async def is_changed():
        return (await known(installation))["image"] == "registry.example.org/shout:2"

    await installation.until(is_changed, "the other image")
    await installation.kubernetes.apply(SHOUT.replace("text: {type: string}", "text: {type: words}"))
    told = await installation.until(
        lambda: (
            installation.condition("nodetypes", "flume", "shout", "Valid").get("status") == "False"
            and installation.condition("nodetypes", "flume", "shout", "Valid")
        ),
        "the refusal",
    )
    assert told["reason"] == "BadSchema"
    assert "/spec/schema/input/properties/text/type" in told["message"]
    assert (await known(installation))["image"] == "registry.example.org/shout:2"
    # Only the API knows how much it takes.
    await installation.kubernetes.apply(SHOUT.replace("type: object,", f"type: object, description: {'x' * 300_000},"))
    refused = await installation.until(
        lambda: (
            installation.condition("nodetypes", "flume", "shout", "Saved").get("status") == "False"
            and installation.condition("nodetypes", "flume", "shout", "Saved")
        ),
        "what the API says no to",
    )
    assert (refused["reason"], "262,144" in refused["message"]) == ("TooLarge", True)


async def test_pipelines_of_the_cluster_are_saved_again_with_another_version_of_their_type(installation):
    await live(installation)
    await installation.kubernetes.apply(SHOUT.replace("spec:", "spec:\n  version: 2"))

    async def is_saved_again():
        return (await saved(installation))["version"] == 2

    await installation.until(is_saved_again, "the other version of the pipeline")


async def test_a_type_goes_with_its_resource_and_the_pipelines_that_use_it_say_so(installation):
    await live(installation)
    # Killed first, so that nobody hears of the deletion.
    installation.operators[0].kill()
    await installation.kubernetes.delete("nodetypes", "flume", "shout")
    installation.operator()

    async def is_gone():
        return await known(installation) is None

    await installation.until(is_gone, "the deletion")
    told = await installation.until(
        lambda: (
            installation.condition("pipelines", "shop", "loud").get("reason") == "UnknownNodeType"
            and installation.condition("pipelines", "shop", "loud")
        ),
        "what the pipeline says",
    )
    assert "no node type 'shout'" in told["message"]
    status, run = await installation.call(
        "POST", "/pipelines/loud/invoke?namespace=shop", json=None, headers={"Prefer": "wait=10"}
    )
    assert (status, run["error"]["code"]) == (500, "node-type-changed")


async def test_what_an_administrator_saved_beside_the_resources_goes(installation):
    await live(installation)
    body = {"image": "registry.example.org/crop:1"}
    assert (await installation.call("PUT", "/nodes/crop", json=body))[0] == 201
    # It looks once a minute, and whenever something is changed.
    await installation.kubernetes.apply(SHOUT.replace("shout:1", "shout:2"))

    async def is_gone():
        return (await installation.call("GET", "/nodes/crop"))[0] == 404

    await installation.until(is_gone, "its end")
    assert await known(installation)
