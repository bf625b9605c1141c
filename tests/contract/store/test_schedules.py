async def test_a_schedule_comes_back_as_it_was_saved(store, build):
    schedule = build.schedule(next_due=None, last_due=7, last_run=build.run_id(3))
    assert await store.save_schedule(schedule, expected_rev=0)
    assert await store.read_schedule(build.pipeline_id, "nightly") == schedule


async def test_a_schedule_that_does_not_exist_is_none(store, build):
    await store.save_schedule(build.schedule(), expected_rev=0)
    assert await store.read_schedule(build.pipeline_id, "other") is None
    assert await store.read_schedule(build.other_pipeline_id, "nightly") is None


async def test_a_schedule_is_saved_at_the_expected_revision_alone(store, build):
    assert not await store.save_schedule(build.schedule(rev=2), expected_rev=1)
    assert await store.save_schedule(build.schedule(), expected_rev=0)
    assert not await store.save_schedule(build.schedule(next_due=5), expected_rev=0)
    assert not await store.save_schedule(build.schedule(next_due=5, rev=3), expected_rev=2)
    assert await store.save_schedule(build.schedule(next_due=6, rev=2), expected_rev=1)
    assert await store.read_schedule(build.pipeline_id, "nightly") == build.schedule(next_due=6, rev=2)


async def test_all_schedules_are_listed(store, build):
    wanted = [build.schedule("a"), build.schedule("b"), build.schedule("a", pipeline_id=build.other_pipeline_id)]
    for schedule in reversed(wanted):
        await store.save_schedule(schedule, expected_rev=0)
    assert (
        sorted(await store.list_schedules(), key=lambda schedule: (schedule.pipeline_id, schedule.trigger_id)) == wanted
    )


async def test_a_schedule_that_was_deleted_may_be_made_again(store, build):
    await store.save_schedule(build.schedule(), expected_rev=0)
    await store.delete_schedule(build.pipeline_id, "nightly")
    await store.delete_schedule(build.pipeline_id, "nightly")
    assert await store.list_schedules() == []
    assert await store.save_schedule(build.schedule(), expected_rev=0)
