async def test_a_type_is_kept_whole_and_replaced_by_another_of_its_name(store, build):
    await store.save_packaged_type(build.packaged_type())
    await store.save_packaged_type(build.packaged_type())
    assert await store.read_packaged_types(["resize"]) == (build.packaged_type(),)
    changed = build.packaged_type(hash="another", description={"name": "resize", "version": 2})
    await store.save_packaged_type(changed)
    assert await store.read_packaged_types(["resize"]) == (changed,)
    assert await store.packaged_type_hashes() == {"resize": "another"}


async def test_types_are_listed_and_read_by_name(store, build):
    assert await store.packaged_type_hashes() == {}
    for name in ("resize", "crop", "blur"):
        await store.save_packaged_type(build.packaged_type(name))
    hashes = await store.packaged_type_hashes()
    assert [*hashes.items()] == [(name, f"hash of {name}") for name in ("blur", "crop", "resize")]
    found = await store.read_packaged_types(["resize", "gone", "blur"])
    assert found == (build.packaged_type("blur"), build.packaged_type("resize"))
    assert await store.read_packaged_types([]) == ()


async def test_a_type_is_deleted_once(store, build):
    await store.save_packaged_type(build.packaged_type())
    await store.save_packaged_type(build.packaged_type("crop"))
    assert await store.delete_packaged_type("resize")
    assert not await store.delete_packaged_type("resize")
    assert [*await store.packaged_type_hashes()] == ["crop"]
