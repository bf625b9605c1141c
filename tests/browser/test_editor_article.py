"""The article generator of the examples, built by somebody who sees an empty canvas: with the mouse, and with the keyboard alone.

Its model is dictated by the test and its topics come from a server beside it; the database and everything else is the real thing.
"""

import re
from threading import Thread

import pytest
from playwright.sync_api import expect
from pymongo import MongoClient

from tests.servers.answering import answering
from tests.servers.model_dictated import DictatedModel

from .editing import card, drag, from_palette, port, rename, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TOPIC = "바다"
ARTICLE = "바다는 넓다."

BUILT = """\
apiVersion: flume/v1
kind: Pipeline
metadata:
  name: article-generator
triggers:
  - {type: webhook}
nodes:
  - id: fetch-topic
    type: http-request
    config:
      url: %(topics)s
  - id: generate-article
    type: llm-generate
    config:
      model: llama3.1-70b
    inputs:
      prompt: |-
        주제: {{ fetch-topic.output.topic }}
        위 주제로 뉴스 기사를 작성하세요.
  - id: save-article
    type: mongodb-insert
    config:
      database: flume
      collection: articles
    inputs:
      document:
        title: "{{ fetch-topic.output.topic }}"
        content: "{{ generate-article.output }}"
        createdAt: "{{ $now }}"
edges:
  - {from: fetch-topic, to: generate-article}
  - {from: generate-article, to: save-article}
"""
"""What a person would have written."""


@pytest.fixture(scope="module")
def model():
    made = DictatedModel()
    thread = Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join()


@pytest.fixture(scope="module")
def topics():
    with answering({"/topics": [(200, {"topic": TOPIC})]}) as url:
        yield f"{url}/topics"


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_server, model, topics, mongodb_url):
    made = make_server(
        tmp_path_factory.mktemp("articles"), VLLM_URL=model.url, MONGODB_URL=mongodb_url, FLUME_HTTP_ALLOW="127.0.0.1"
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def articles(mongodb_url):
    """What is kept by the pipeline."""
    with MongoClient(mongodb_url) as client:
        client.flume.articles.delete_many({})
        yield client.flume.articles


@pytest.fixture(autouse=True)
def forgotten(server):
    """What a test saves is gone after it."""
    yield
    server.call("DELETE", "/api/v1/pipelines/article-generator")


def dictate(model):
    for piece in (ARTICLE[:4], ARTICLE[4:]):
        model.say(piece)
    model.finish()


def expect_green(page, model):
    dictate(model)
    expect(page.locator(".node--state.tone--completed")).to_have_count(3, timeout=60_000)
    expect(page.locator(".editor-bar__run")).to_contain_text("Completed")


def expect_to_run(server, model, articles):
    """The saved pipeline writes one more article, as its webhook's caller would see it."""
    articles.delete_many({})
    dictate(model)
    run = server.run("article-generator")
    assert server.status_of(run) == "completed"
    assert [(each["title"], each["content"]) for each in articles.find()] == [(TOPIC, ARTICLE)]


def test_it_is_built_with_the_mouse_tried_and_saved(server, page, model, topics, articles):
    page.goto("/pipelines")
    page.get_by_role("link", name="New pipeline").first.click()
    page.get_by_role("link", name="Empty", exact=True).click()
    expect(page.get_by_role("heading", name="An empty pipeline")).to_be_visible()
    page.get_by_label("Name").fill("article-generator")
    from_palette(page, "webhook").click()

    drag(page, from_palette(page, "http-request"), page.get_by_role("heading", name="An empty pipeline"))
    rename(page, "fetch-topic")
    page.get_by_label("Url").fill(topics)
    from_palette(page, "llm-generate").click()
    rename(page, "generate-article")
    page.get_by_label("Model").fill("llama3.1-70b")
    card(page, "fetch-topic").click()
    page.get_by_role("button", name="Run up to here").click()
    expect(page.get_by_role("region", name="Output", exact=True)).to_contain_text(TOPIC)

    card(page, "generate-article").click()
    prompt = page.get_by_label("Prompt")
    prompt.press_sequentially("주제: {{ fe")
    offers = page.locator(".offers").get_by_role("option")
    offers.filter(has_text="fetch-topic").click()
    prompt.press_sequentially(".o")
    offers.filter(has_text="output").click()
    prompt.press_sequentially(".")
    # What the last run gave is offered with its values.
    offers.filter(has_text=f'topic"{TOPIC}"').click()
    prompt.press_sequentially(" }}\n위 주제로 뉴스 기사를 작성하세요.")

    drag(page, port(page, "generate-article"), page.locator(".react-flow__pane"), to=(0.6, 0.8))
    page.get_by_role("combobox", name="Add a node").fill("mongo ins")
    page.get_by_role("option", name="mongodb-insert").click()
    rename(page, "save-article")
    page.get_by_role("combobox", name="Database").fill("flume")
    page.get_by_label("Collection").fill("articles")
    values = {
        "title": "{{ fetch-topic.output.topic }}",
        "content": "{{ generate-article.output }}",
        "createdAt": "{{ $now }}",
    }
    for number, (name, value) in enumerate(values.items(), start=1):
        page.get_by_role("button", name="Add to document", exact=True).click()
        page.get_by_label(f"Name {number} of Document", exact=True).fill(name)
        page.get_by_label("Value of name", exact=True).fill(value)
    expect(page.get_by_role("region", name="Problems")).to_have_count(0)

    page.get_by_role("button", name="Test run").click()
    expect_green(page, model)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    assert text_of(server, "article-generator") == BUILT % {"topics": topics}
    expect_to_run(server, model, articles)


def write(page, text):
    """Type into whatever has the focus; a completion that is offered is left alone."""
    page.keyboard.type(text)


def tab_to(page, label, *, most=60):
    """Press Tab until the field or button of that name has the focus."""
    for _ in range(most):
        named = page.evaluate(
            """() => {
              const element = document.activeElement;
              const label = element.labels?.[0]?.innerText ?? "";
              return (element.ariaLabel || label || element.innerText || "").trim();
            }"""
        )
        if re.sub(r"\s*\*$", "", named) == label:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {label} by {most} presses of Tab; the last was {named!r}")


def add_by_key(page, type_name, wanted):
    """`a`, the type, Enter; then Enter on the card opens its form, in which the name comes first."""
    page.keyboard.press("a")
    write(page, type_name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name=f"Node {type_name}")).to_be_focused()
    tab_to(page, "Id")
    page.keyboard.press("Control+a")
    write(page, wanted)
    page.keyboard.press("Enter")
    expect(card(page, wanted)).to_be_visible()


def test_it_is_built_with_the_keyboard_alone_tried_and_saved(server, page, model, topics, articles):
    page.goto("/pipelines/new?example=empty")
    expect(page.get_by_role("heading", name="An empty pipeline")).to_be_visible()
    page.keyboard.press("Control+k")
    write(page, "webhook")
    page.keyboard.press("Enter")
    page.keyboard.press("p")
    tab_to(page, "Name")
    page.keyboard.press("Control+a")
    write(page, "article-generator")
    page.keyboard.press("Escape")

    add_by_key(page, "http-request", "fetch-topic")
    tab_to(page, "Url")
    write(page, topics)
    page.keyboard.press("Escape")
    expect(card(page, "fetch-topic")).to_be_focused()
    add_by_key(page, "llm-generate", "generate-article")
    tab_to(page, "Model")
    write(page, "llama3.1-70b")
    tab_to(page, "Prompt")
    write(page, "주제: {{ fe")
    page.keyboard.press("Enter")
    write(page, ".output.topic }}\n위 주제로 뉴스 기사를 작성하세요.")
    page.keyboard.press("Escape")
    expect(card(page, "generate-article")).to_be_focused()
    add_by_key(page, "mongodb-insert", "save-article")
    tab_to(page, "Database")
    write(page, "flume")
    tab_to(page, "Collection")
    write(page, "articles")
    values = {
        "title": "{{ fetch-topic.output.topic }}",
        "content": "{{ generate-article.output }}",
        "createdAt": "{{ $now }}",
    }
    for number, (name, value) in enumerate(values.items(), start=1):
        tab_to(page, "Add to document")
        page.keyboard.press("Enter")
        expect(page.get_by_label(f"Name {number} of Document", exact=True)).to_be_focused()
        write(page, name)
        page.keyboard.press("Tab")
        write(page, value)
    expect(page.get_by_role("region", name="Problems")).to_have_count(0)

    page.keyboard.press("Control+Enter")
    expect_green(page, model)
    page.keyboard.press("Control+s")
    expect(page.locator(".flash")).to_contain_text("Saved as version 1.")
    assert text_of(server, "article-generator") == BUILT % {"topics": topics}
    expect_to_run(server, model, articles)
