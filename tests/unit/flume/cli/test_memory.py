import pytest

from flume.cli.memory import SHARE, memory_bound, resident_bytes

GIB = 2**30


@pytest.fixture
def place(tmp_path):
    def made(name, text):
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        return path

    return made


@pytest.mark.parametrize(
    ("container", "machine", "expected"),
    [
        (str(2 * GIB), "MemTotal:       8388608 kB\nMemFree: 1 kB\n", 2 * GIB),
        (str(64 * GIB), "MemTotal:       8388608 kB\n", 8 * GIB),
        ("max\n", "MemTotal:       8388608 kB\n", 8 * GIB),
        (None, "MemTotal:       8388608 kB\n", 8 * GIB),
        (str(2 * GIB), None, 2 * GIB),
        (None, None, 0),
        ("max", "MemFree: 1 kB", 0),
        ("max", "MemTotal: much", 0),
    ],
)
def test_by_itself_the_bound_is_a_share_of_what_there_is(place, container, machine, expected):
    bound = memory_bound(None, cgroup=place("memory.max", container), machine=place("meminfo", machine))
    assert bound == int(SHARE * expected)


def test_a_setting_decides(place):
    assert [memory_bound(mebibytes, cgroup=place("memory.max", "1")) for mebibytes in (0, 512)] == [0, GIB // 2]


def test_a_process_knows_how_much_memory_it_has():
    assert 2**20 < resident_bytes() < 2**40
