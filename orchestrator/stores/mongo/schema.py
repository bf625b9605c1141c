"""The schema of the database: a number that says how documents are written, so that no replica misreads another's."""

from flume.errors import StoreError
from orchestrator.stores.mongo.database import Database

VERSION = 1
"""What this code reads and writes. A change that older code would misread raises it and adds a step that brings data forward."""

_ID = "flume"

_IMPORT = "import"


async def bring(database: Database) -> None:
    """Write down the version of a new database, or compare it with ours.

    Raises `StoreError`, and changes nothing, if another Flume has written the database in a way that we don't know, or if
    an import into it did not come to its end.
    """
    collection = database.collection("schema")
    found = await collection.find_one({"_id": _ID})
    if found is None:
        await collection.insert({"_id": _ID, "version": VERSION})
        found = await collection.find_one({"_id": _ID})
    version = None if found is None else found.get("version")
    if version == VERSION:
        await require_whole(database)
        return
    if isinstance(version, int) and version > VERSION:
        raise StoreError(
            f"{database.where} was written by a newer Flume (schema {version}, this one knows {VERSION}); "
            "run that Flume, or set DB_NAME to another database"
        )
    raise StoreError(
        f"{database.where} was written by an older Flume (schema {version}), and this one knows only {VERSION}; "
        "export it with that Flume and import it into an empty database, or set DB_NAME to another one"
    )


async def mark(database: Database) -> bool:
    """Note that the database holds a part of an import; False if that is noted already."""
    return await database.collection("schema").insert({"_id": _IMPORT})


async def unmark(database: Database) -> None:
    """Note that the database is whole."""
    await database.collection("schema").delete({"_id": _IMPORT})


async def require_whole(database: Database) -> None:
    """Raise `StoreError` if an import into the database is under way or did not come to its end."""
    if await database.collection("schema").find_one({"_id": _IMPORT}) is not None:
        raise StoreError(
            f"{database.where} holds a part of an import that did not come to its end; drop the database and import again, "
            "unless it is still under way"
        )
