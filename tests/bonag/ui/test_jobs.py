"""The background process: one at a time, remembered, never in the way, never left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from bonag.insight.progress import report
from bonag.ui.background.jobs import Jobs
from search_spaces.errors import UserError


@pytest.fixture
def jobs():
    jobs = Jobs()
    yield jobs
    jobs.close()


def wait(jobs, key, function, *args, timeout=60.0):
    """The work once it is over."""
    end = time.monotonic() + timeout
    while not (job := jobs.request(key, function, *args)).over and time.monotonic() < end:
        time.sleep(0.005)
    return job


def gone(pid, seconds=60.0):
    """Whether the process has ended (a zombie has)."""
    for _ in range(int(seconds / 0.05)):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def until(question, seconds=60.0):
    for _ in range(int(seconds / 0.02)):
        if question():
            return True
        time.sleep(0.02)
    return False


def test_nothing_is_started_before_the_first_request_and_nothing_is_left_after_close():
    jobs = Jobs()
    assert jobs._worker is None
    assert jobs._thread is None
    pid = wait(jobs, ("pid", 0), os.getpid).result
    assert pid != os.getpid()
    assert not gone(pid, 0.1)
    jobs.close()
    jobs.close()
    assert gone(pid)
    with pytest.raises(RuntimeError, match="closed"):
        jobs.request(("pid", 1), os.getpid)


def test_a_request_returns_at_once_and_close_ends_work_at_once(jobs):
    start = time.perf_counter()
    assert jobs.request(("sleep", 0), time.sleep, 60).state == "waiting"
    assert time.perf_counter() - start < 5
    assert until(lambda: jobs._worker)
    start = time.perf_counter()
    jobs.close()
    assert time.perf_counter() - start < 30


def test_work_is_done_once_and_remembered(jobs):
    first = wait(jobs, ("time", 1), time.time_ns)
    assert first.state == "done"
    assert first.seconds > 0
    assert first.error is None
    assert jobs.request(("time", 1), time.time_ns).result == first.result
    jobs.forget(("time", 1))
    assert wait(jobs, ("time", 1), time.time_ns).result > first.result


def test_the_process_has_low_priority_and_one_thread(jobs):
    assert wait(jobs, ("nice", 0), os.nice, 0).result == min(os.nice(0) + 10, 19)
    assert wait(jobs, ("threads", 0), os.getenv, "OMP_NUM_THREADS").result == "1"


def test_an_error_is_one_line_and_the_process_lives_on(jobs):
    pid = wait(jobs, ("pid", 0), os.getpid).result
    job = wait(jobs, ("bad", 0), int, "no\nnumber")
    assert job.state == "failed"
    assert job.result is None
    assert job.error == r"ValueError: invalid literal for int() with base 10: 'no\nnumber'"
    assert wait(jobs, ("pid", 1), os.getpid).result == pid


def test_a_killed_process_fails_its_work_with_a_plain_reason_and_the_next_request_has_a_new_one(jobs):
    pid = wait(jobs, ("pid", 0), os.getpid).result
    work = "import time; from bonag.insight.progress import report; report('asleep'); time.sleep(60)"
    jobs.request(("sleep", 0), exec, work)
    assert until(lambda: jobs.known(("sleep", 0)).progress == "asleep")
    os.kill(pid, signal.SIGKILL)
    job = wait(jobs, ("sleep", 0), exec, work, timeout=60)
    assert (job.state, job.error) == (
        "failed",
        "the background process was killed, most likely for lack of memory",
    )
    assert wait(jobs, ("pid", 1), os.getpid).result != pid


def test_a_process_killed_while_idle_is_replaced(jobs):
    for i in range(4):
        job = wait(jobs, ("pid", i), os.getpid)
        assert (job.state, job.error) == ("done", None)
        # Not waited for: what was sent to it before it is gone is not lost either.
        os.kill(job.result, signal.SIGKILL)


def test_endless_work_is_given_up():
    jobs = Jobs(limit=0.5)
    try:
        assert wait(jobs, ("sleep", 0), time.sleep, 60).error == "was given up after 0.5 seconds"
        assert jobs._worker is None
    finally:
        jobs.close()


def test_an_idle_process_is_ended():
    jobs = Jobs(idle=0.2)
    try:
        pid = wait(jobs, ("pid", 0), os.getpid).result
        assert gone(pid)
        assert wait(jobs, ("pid", 1), os.getpid).result != pid
    finally:
        jobs.close()


def test_waiting_work_for_an_older_version_is_dropped(jobs):
    jobs.request(("sleep", 0), time.sleep, 0.3)
    jobs.request(("page", "run", 10), time.time_ns)
    jobs.request(("other", "run", 10), time.time_ns)
    jobs.request(("page", "run", 11), time.time_ns)
    assert jobs.known(("page", "run", 10)) is None
    assert wait(jobs, ("page", "run", 11), time.time_ns).state == "done"
    assert jobs.known(("other", "run", 10)).state == "done"
    assert jobs.latest(("page", "run"))[0] == 11
    assert jobs.latest(("none",)) is None


def test_waiting_work_that_nobody_asks_for_again_is_dropped():
    jobs = Jobs(forget=0.1)
    try:
        jobs.request(("closed page", 0), time.time_ns)
        jobs.request(("sleep", 0), time.sleep, 0.3, first=True)
        assert wait(jobs, ("wanted", 0), time.time_ns).state == "done"
    finally:
        jobs.close()


def test_old_results_make_room(jobs):
    small = Jobs(keep=2)
    try:
        for version in range(4):
            wait(small, ("length", version, 0), len, "ab")
        assert [small.known(("length", version, 0)) is not None for version in range(4)] == [False, False, True, True]
    finally:
        small.close()


def test_progress_is_seen(jobs):
    assert report("outside the process it says nothing") is None
    jobs.request(
        ("talk", 0), exec, "import time; from bonag.insight.progress import report; report('half'); time.sleep(30)"
    )
    assert until(lambda: jobs.known(("talk", 0)).progress == "half")


def test_what_a_user_can_mend_is_said_without_the_error_type(jobs):
    code = "from search_spaces.errors import UserError; raise UserError('choose another')"
    assert wait(jobs, ("bad", 0), exec, code).error == str(UserError("choose another"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_with_its_server_even_at_work(how):
    code = (
        "import os, time\nfrom bonag.ui.background.jobs import Jobs\njobs = Jobs()\n"
        "while not jobs.request(('pid', 0), os.getpid).over: time.sleep(0.02)\n"
        "print(jobs.known(('pid', 0)).result, flush=True)\n"
        "jobs.request(('sleep', 0), time.sleep, 60)\ntime.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(server.stdout.readline())
        server.send_signal(how)
        server.wait()
        assert gone(pid)
    finally:
        server.kill()
        server.stdout.close()
