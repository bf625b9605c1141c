"""Node types that speak to MongoDB: one asks, one inserts.

The driver is imported by the first attempt, not here: it takes almost half a second, and describing the types does not need it.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from flume.nodes import ALL_SECRETS, Node, NodeConfig, NodeInput, NodeSettings, Result

if TYPE_CHECKING:
    from functions.nodes.mongodb_calls import Mongo

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 100_000
MAX_DOCUMENTS = 100_000
"""Documents of one insert."""


def _check_database(name: str) -> str:
    if set(name) & set('/\\. "$*<>:|?\0'):
        raise ValueError("a database's name holds no blank and none of / \\ . \" $ * < > : | ?")
    return name


def _check_collection(name: str) -> str:
    if "$" in name or "\0" in name or ".." in name or name.startswith(".") or name.endswith("."):
        raise ValueError("a collection's name holds no '$', and text on both sides of each '.'")
    return name


def _check_directions(sort: dict[str, Any]) -> dict[str, Any]:
    if any(isinstance(direction, int) and direction not in (1, -1) for direction in sort.values()):
        raise ValueError("a direction is 1 (rising) or -1 (falling)")
    return sort


Sort: TypeAlias = Annotated[dict[str, int | dict[str, Any]], AfterValidator(_check_directions)]


class _CollectionConfig(NodeConfig):
    uri: str | None = Field(default=None, min_length=1)
    database: Annotated[str, AfterValidator(_check_database)] = Field(min_length=1, max_length=63)
    collection: Annotated[str, AfterValidator(_check_collection)] = Field(min_length=1, max_length=200)


class _MongodbNode(Node):
    """What the types share: pools of connections, of which each type has its own."""

    category = "Database"
    icon = "database"
    concurrency = 64
    secrets = (ALL_SECRETS,)

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        """The pools of connections of this process, by URL."""
        from functions.nodes.mongodb_calls import Mongo

        return Mongo(settings)

    @classmethod
    async def teardown(cls, shared: "Mongo") -> None:
        """Close the connections."""
        await shared.aclose()


class MongodbQuery(_MongodbNode):
    """Reads from a MongoDB collection; its output is plain JSON: ids and decimals as text, dates as ISO 8601."""

    name = "mongodb-query"
    Output: ClassVar[Any] = Any

    class Config(_CollectionConfig):
        """Where and what. Without ``uri`` the connection is ``MONGODB_URL``."""

        operation: Literal["find", "findOne", "aggregate", "count"] = "find"

    class Input(NodeInput):
        """The question. Extended JSON (``{"$oid": …}``, ``{"$date": …}``) and moments are BSON types in it.

        ``limit`` bounds what ``find`` and ``aggregate`` give; ``count`` counts all unless one is given.
        """

        filter: dict[str, Any] = Field(default_factory=dict)
        projection: dict[str, Any] | list[str] | None = None
        sort: Sort | None = None
        limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
        skip: int = Field(default=0, ge=0, le=2**31 - 1)
        pipeline: list[dict[str, Any]] | None = None

    async def execute(self, input: Input) -> Result:
        """Ask and read all of the answer, within the attempt's time."""
        from functions.nodes.mongodb_calls import query

        return await query(self.shared, self.config, input, self.context)


class MongodbInsert(_MongodbNode):
    """Inserts documents into a MongoDB collection; its output is the inserted id, or the list of them.

    A document without ``_id`` gets one that follows from the attempt's idempotency key, so that a repetition adds nothing.
    """

    name = "mongodb-insert"
    Output: ClassVar[Any] = Any

    class Config(_CollectionConfig):
        """Where. Without ``uri`` the connection is ``MONGODB_URL``."""

    class Input(NodeInput):
        """One document, or several. Extended JSON and moments such as ``{{$now}}`` are stored as BSON types."""

        document: dict[str, Any] | None = None
        documents: list[dict[str, Any]] | None = Field(default=None, max_length=MAX_DOCUMENTS)

        @model_validator(mode="after")
        def _has_one(self) -> "MongodbInsert.Input":
            if (self.document is None) == (self.documents is None):
                raise ValueError("give either 'document' or 'documents'")
            return self

    async def execute(self, input: Input) -> Result:
        """Insert, and take a document that an earlier try of this attempt inserted for done."""
        from functions.nodes.mongodb_insertion import insert

        return await insert(self.shared, self.config, input, self.context)
