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


async def test_what_is_due_is_found_the_earliest_first_and_no_more_than_asked_for(store, build):
    for trigger, due in (("a", 30), ("b", 10), ("c", None), ("d", 31), ("e", 20)):
        await store.save_schedule(build.schedule(trigger, next_due=due), expected_rev=0)
    assert [each.trigger_id for each in await store.due_schedules(30, limit=10)] == ["b", "e", "a"]
    assert [each.trigger_id for each in await store.due_schedules(30, limit=2)] == ["b", "e"]
    assert await store.due_schedules(9, limit=10) == []


async def test_the_next_due_time_is_that_of_the_first_schedule_that_will_ever_be_due(store, build):
    assert await store.next_due() is None
    await store.save_schedule(build.schedule("never", next_due=None), expected_rev=0)
    assert await store.next_due() is None
    for trigger, due in (("late", 30), ("soon", 20)):
        await store.save_schedule(build.schedule(trigger, next_due=due), expected_rev=0)
    assert await store.next_due() == 20
    await store.delete_schedule(build.pipeline_id, "soon")
    assert await store.next_due() == 30
