from orchestrator.identifiers import IdSource


def source(now, first=b"\x00\x00\x00"):
    return IdSource(lambda: now[0], random_bytes=lambda size: first if size == 3 else b"\xab" * size)


def test_an_id_is_seconds_then_the_source_then_a_counter():
    assert source([1_000_999])() == f"{1000:08x}ababababab000000"


def test_ids_rise_within_a_second_and_with_the_clock():
    now = [1_000_000]
    make = source(now)
    ids = [make(), make()]
    now[0] = 5_000_000
    ids.append(make())
    assert ids == sorted(set(ids))


def test_ids_rise_even_if_the_clock_goes_back():
    now = [9_000_000]
    make = source(now)
    first = make()
    now[0] = 1_000_000
    assert make() > first


def test_the_counter_has_room_before_it_turns_over():
    make = source([0], first=b"\xff\xff\xff")
    assert make()[-6:] == "7fffff"
    assert make()[-6:] == "800000"


def test_two_sources_never_give_the_same_id():
    assert IdSource(lambda: 0)() != IdSource(lambda: 0)()
