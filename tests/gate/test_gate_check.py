"""The gate from targets to exit status, on recorded timings: nothing is measured here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_host_facts, make_host_profile, make_saved_profile
from surveys import RecordedMeasurer, RecordedSurroundings, failing, logging_errors, options, survey

from advisor.api.check import check
from advisor.domain.errors import ConfigurationError, TargetError
from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, exit_status
from advisor.domain.workload import SourceLocation
from advisor.gate.inspection import Inspected

STEADY = [0.0100, 0.0101, 0.0099, 0.0102, 0.0098, 0.0100, 0.0101]
NOISY = [0.010, 0.030, 0.006, 0.022, 0.009, 0.045, 0.007, 0.012, 0.028, 0.008, 0.019, 0.011,
         0.040, 0.007, 0.015, 0.009, 0.033, 0.010, 0.006, 0.025]  # fmt: skip

SECRET = "postgres://admin:hunter2@db"


def timed(base, head, op="process_chunk"):
    return {("base", op): base, ("head", op): head}


def codes(report):
    return [finding.code for finding in report.findings]


def test_no_change_passes_early():
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, STEADY[::-1]))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "PASS"
    assert report.findings == ()
    assert exit_status(report, strict=True) == 0
    assert report.base_revision == "0123456789abcdef"
    assert len(measurer.processes) == 2 * report.targets[0].timings[0].pairs < 40


def test_half_as_slow_again_fails_and_names_the_op():
    slow = [1.5 * s for s in STEADY]
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, slow))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "FAIL"
    assert exit_status(report) == 1
    assert exit_status(report, exit_zero=True) == 0
    (finding,) = report.findings
    assert finding.code == "DYN101"
    assert finding.severity == "error"
    assert "process_chunk" in finding.message
    assert "+50 %" in finding.message
    assert finding.location == SourceLocation("shop/chunks.py", 12)
    timing = report.targets[0].timings[0]
    assert timing.low > 1.1
    assert timing.base_s == pytest.approx(0.01, rel=0.05)


def test_the_command_that_is_printed_loads_the_same_target():
    slow = [1.5 * s for s in STEADY]
    head = survey()
    described = replace(head.description, inputs="rows.json", run_config_file="run config.yaml")
    measurer = RecordedMeasurer({"base": survey(), "head": head}, timed(STEADY, slow))
    around = RecordedSurroundings(measurer, inspected=[Inspected("a:b", described)])
    command = f"dynadvise {{}} {head.description.target.spelled} --inputs rows.json --run-config "
    (finding,) = check(options(), surroundings=around).findings
    assert command.format("profile") + "'run config.yaml' --flamegraph FILE" in finding.remedy
    (finding,) = check(options(base=None), surroundings=around).findings
    assert command.format("profile") + "'run config.yaml'` makes one" in finding.message


def test_certainly_slower_within_the_limit_passes_with_a_warning():
    slow = [1.04 * s for s in STEADY * 3]
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY * 3, slow))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "PASS"


def test_a_machine_too_noisy_to_tell_is_inconclusive_and_says_how_many_pairs_would_decide():
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(NOISY, NOISY[::-1]))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "INCONCLUSIVE"
    assert exit_status(report) == 0
    assert exit_status(report, strict=True) == 3
    (finding,) = report.findings
    assert finding.code == "DYN103"
    timing = report.targets[0].timings[0]
    assert timing.pairs == 20
    assert timing.pairs_to_decide > 20
    assert f"--pairs {timing.pairs_to_decide}" in finding.remedy


def test_an_op_that_fails_at_head_is_listed_and_nothing_is_passed():
    head = failing(survey(), "process_chunk", "`process_chunk` raised ValueError: x on item 0")
    measurer = RecordedMeasurer({"base": survey(), "head": head})
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    assert exit_status(report) == 2
    assert "raised ValueError" in report.findings[0].message
    assert report.targets[0].timings[0].reason == head.ops[0].failed


def test_one_failing_op_does_not_hide_the_verdict_on_the_other():
    slow = [1.5 * s for s in STEADY]
    base = survey("good", "bad")
    head = failing(survey("good", "bad"), "bad", "`bad` raised KeyError")
    measurer = RecordedMeasurer({"base": base, "head": head}, timed(STEADY, slow, "good"))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "FAIL"
    assert {t.op: t.verdict for t in report.targets[0].timings} == {
        "good": "FAIL",
        "bad": "COULD NOT MEASURE",
    }
    assert sorted(codes(report)) == ["DYN101", "DYN104"]


def test_an_op_that_dies_in_a_timed_process_is_not_passed():
    seconds = timed(STEADY, [0.01, 0.01, "`process_chunk` was killed by SIGKILL"])
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, seconds)
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    assert "SIGKILL" in report.findings[0].message


def test_a_new_op_has_no_base_and_does_not_spoil_the_verdict_of_the_others():
    measurer = RecordedMeasurer(
        {"base": survey("old"), "head": survey("old", "fresh")}, timed(STEADY, STEADY, "old")
    )
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    # More ops make more steps, which is an error of its own.
    assert "DYN106" in codes(report)
    relaxed = check(options(ignore=("DYN106",)), surroundings=RecordedSurroundings(measurer))
    assert relaxed.verdict == "PASS"
    fresh = next(t for t in relaxed.targets[0].timings if t.op == "fresh")
    assert fresh.new
    assert relaxed.ignored == 2


def test_a_target_that_the_base_does_not_have_is_not_passed_as_measured_nothing():
    missing = TargetError("There is no module 'shop'.")
    measurer = RecordedMeasurer({"base": missing, "head": survey()})
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    assert exit_status(report) == 0
    assert exit_status(report, strict=True) == 3
    assert "There is no module" in report.findings[0].message


def test_a_base_that_cannot_be_imported_is_no_new_target():
    """Code that a build makes, and git ignores, is not in the base's checkout: never "all new"."""
    missing = "shop could not be imported: ModuleNotFoundError (no module 'shop._version')"
    broken = TargetError(missing, details=f"No module: {SECRET}", where="shop.py:1")
    measurer = RecordedMeasurer({"base": broken, "head": survey()})
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    (finding,) = report.findings
    assert finding.severity == "warning"
    assert "shop._version" in finding.message
    assert SECRET not in finding.message
    assert "\n" not in finding.message
    assert "git ignores" in finding.remedy


def test_a_head_that_cannot_be_loaded_is_the_users_failure():
    broken = Inspected("shop.chunks:process_all", error="shop.chunks could not be imported")
    measurer = RecordedMeasurer({"base": survey(), "head": survey()})
    around = RecordedSurroundings(measurer, inspected=[broken])
    for static in (True, False):
        report = check(options(static=static, base=None if static else "main"), surroundings=around)
        assert report.verdict == "COULD NOT MEASURE"
        assert exit_status(report) == 2
        assert "could not be imported" in report.targets[0].notes[0]


def test_without_base_and_profile_nothing_is_measured_and_nothing_passes():
    head = survey()
    measurer = RecordedMeasurer({"head": head})
    report = check(options(base=None), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    assert "dynadvise profile" in report.findings[0].message
    nothing = replace(head, ops=tuple(replace(op, calls=(), failed="x") for op in head.ops))
    measurer = RecordedMeasurer({"head": nothing})
    report = check(options(base=None), surroundings=RecordedSurroundings(measurer))
    assert not report.measured
    assert exit_status(report) == 2


def test_nothing_measured_does_not_exit_with_0():
    measurer = RecordedMeasurer({"base": survey(), "head": survey()})
    around = RecordedSurroundings(measurer, inspected=[Inspected("shop.chunks:process_all")])
    report = check(options(), surroundings=around)
    assert not report.measured
    assert exit_status(report) == 3


def test_counts_are_compared_exactly():
    base = survey(items=8, modules=20, input_bytes=100)
    head = survey(items=12, modules=90, input_bytes=5_000)
    measurer = RecordedMeasurer({"base": base, "head": head}, timed(STEADY, STEADY))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "FAIL"
    assert sorted(codes(report)) == ["DYN106", "DYN106", "DYN107", "DYN108", "DYN109"]
    growth = {(p.name, p.op): p.head - p.base for p in report.targets[0].proxies}
    assert growth["steps", None] == 4
    assert growth["modules", "process_chunk"] == 70
    assert growth["output_bytes", "process_chunk"] == 0


@pytest.mark.parametrize(("at_base", "at_head"), [(8, 0), (0, 8)])
def test_a_side_without_items_is_not_compared(at_base, at_head):
    """Work that is done already, or data that git ignores: neither faster nor slower."""
    fast = [0.1 * s for s in STEADY]
    sides = {"base": survey(items=at_base), "head": survey(items=at_head)}
    measurer = RecordedMeasurer(sides, timed(STEADY, fast))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    assert exit_status(report, strict=True) == 3
    assert measurer.processes == []
    (finding,) = report.findings
    assert finding.code == "DYN109"
    assert f"items: {at_base} -> {at_head}" in finding.message
    assert "--inputs" in finding.remedy


@pytest.mark.parametrize(("shared", "verdict"), [(True, "PASS"), (False, "COULD NOT MEASURE")])
def test_fewer_items_are_told_and_ops_compared_on_the_same_inputs_alone(shared, verdict):
    sides = {"base": survey(items=8), "head": survey(items=6, reads_other=shared)}
    measurer = RecordedMeasurer(sides, timed(STEADY, STEADY))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == verdict
    assert codes(report) == ["DYN109"]


@pytest.mark.parametrize(("at_base", "at_head"), [(0, 3), (3, 0)])
def test_an_op_that_logs_errors_on_one_side_is_not_compared(at_base, at_head):
    fast = [0.1 * s for s in STEADY]
    sides = {
        "base": logging_errors(survey(), at_base),
        "head": logging_errors(survey(), at_head),
    }
    measurer = RecordedMeasurer(sides, timed(STEADY, fast))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "COULD NOT MEASURE"
    (finding,) = report.findings
    assert finding.code == "DYN109"
    assert f"logged an error: {at_base} -> {at_head}" in finding.message
    assert finding.location == SourceLocation("shop/chunks.py", 12)


def test_errors_on_both_sides_are_counted_and_compared():
    both = logging_errors(survey(), 3)
    measurer = RecordedMeasurer({"base": both, "head": both}, timed(STEADY, STEADY))
    report = check(options(), surroundings=RecordedSurroundings(measurer))
    assert report.verdict == "PASS"
    assert ("errors", 3, 3) in {(p.name, p.base, p.head) for p in report.targets[0].proxies}


def test_fail_on_makes_warnings_fail():
    head = survey(modules=90)
    measurer = RecordedMeasurer({"base": survey(), "head": head}, timed(STEADY, STEADY))
    around = RecordedSurroundings(measurer)
    assert check(options(), surroundings=around).verdict == "PASS"
    assert check(options(failing=("DYN108",)), surroundings=around).verdict == "FAIL"
    assert check(options(failing=("warning",)), surroundings=around).verdict == "FAIL"


def test_a_configuration_made_wrong_fails_with_the_new_snippet():
    advice = AdviceCheck(
        0.9, "multiprocess, spawn, 1 in parallel", "warm forkserver", "execution: x"
    )
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, STEADY))
    around = RecordedSurroundings(measurer, profile=make_saved_profile(), advice=advice)
    report = check(options(), surroundings=around)
    assert report.verdict == "FAIL"
    assert codes(report) == ["DYN105"]
    assert "90 %" in report.findings[0].message
    assert "execution: x" in report.findings[0].remedy
    assert check(options(max_regret=1.0), surroundings=around).verdict == "PASS"


def test_the_advice_is_made_on_heads_measurements():
    slow = [1.5 * s for s in STEADY]
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, slow))
    saved = make_saved_profile()
    around = RecordedSurroundings(measurer, profile=saved)
    check(options(), surroundings=around)
    before = saved.workload.ops[0].later_calls[0]
    after = around.advised_on[0].workload.ops[0].later_calls[0]
    assert after.wall_s == pytest.approx(1.5 * before.wall_s, rel=0.02)


def test_two_steps_of_one_op_keep_their_own_ratios():
    whole = survey("short", "long")
    one_op = replace(
        whole,
        ops=tuple(
            replace(op, op=replace(op.op, reference=replace(op.op.reference, name="nap")))
            for op in whole.ops
        ),
    )
    slow = [1.5 * s for s in STEADY]
    seconds = timed(STEADY, STEADY, "short") | timed(STEADY, slow, "long")
    saved = make_saved_profile()
    ops = tuple(replace(saved.workload.ops[0], handle=op.handle) for op in one_op.ops)
    saved = replace(saved, workload=replace(saved.workload, ops=ops))
    measurer = RecordedMeasurer({"base": one_op, "head": one_op}, seconds)
    around = RecordedSurroundings(measurer, profile=saved)
    check(options(), surroundings=around)
    before = ops[0].later_calls[0].wall_s
    short, long = (op.later_calls[0].wall_s for op in around.advised_on[0].workload.ops)
    assert short == pytest.approx(before, rel=0.02)
    assert long == pytest.approx(1.5 * before, rel=0.02)


def test_against_the_committed_profile_of_the_same_host_class():
    measurer = RecordedMeasurer(
        {"head": survey()}, {("head", "process_chunk"): [0.9, 0.905, 0.895, 0.9]}
    )
    around = RecordedSurroundings(measurer, profile=make_saved_profile())
    report = check(options(base=None), surroundings=around)
    (timing,) = report.targets[0].timings
    assert timing.basis == "committed profile"
    assert timing.verdict == "FAIL"  # 0.501 s in the profile
    assert any("weaker" in note for note in report.notes)


def test_a_profile_of_another_host_class_is_not_compared_with():
    facts = make_host_facts(id="other")
    saved = make_saved_profile(host=make_host_profile(facts=facts))
    measurer = RecordedMeasurer({"head": survey()})
    report = check(options(base=None), surroundings=RecordedSurroundings(measurer, profile=saved))
    assert report.verdict == "COULD NOT MEASURE"
    assert "another host class" in report.targets[0].timings[0].reason


def test_static_findings_decide_alone(tmp_path):
    source = tmp_path / "job.py"
    source.write_text("@op  # dynadvise: ignore[DYN900]\ndef work(x):\n    return x\n")
    findings = (
        Finding("DYN900", "error", "Wrong.", "Right it.", SourceLocation("job.py", 2)),
        Finding("DYN901", "warning", "Odd.", "Look.", SourceLocation("job.py", 2)),
    )
    measurer = RecordedMeasurer({"head": survey()})

    inspected = [Inspected("job:work", survey().description, findings)]
    around = RecordedSurroundings(measurer, inspected=inspected)
    static = options(static=True, base=None, working_directory=tmp_path)
    report = check(static, surroundings=around)
    assert report.verdict == "PASS"
    assert codes(report) == ["DYN901"]
    assert report.ignored == 1
    source.write_text("@op\ndef work(x):\n    return x\n")
    from advisor.gate import verdict

    verdict._source.cache_clear()
    assert check(static, surroundings=around).verdict == "FAIL"


def test_several_targets_are_all_reported():
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, STEADY))
    report = check(options(targets=("a:b", "c:d")), surroundings=RecordedSurroundings(measurer))
    assert [t.target for t in report.targets] == ["a:b", "c:d"]


def test_no_target_and_too_few_pairs_are_usage_errors():
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, STEADY))
    with pytest.raises(ConfigurationError, match="no target"):
        check(options(targets=()), surroundings=RecordedSurroundings(measurer))
    with pytest.raises(ConfigurationError, match="at least 7"):
        check(options(pairs=5), surroundings=RecordedSurroundings(measurer))


def test_what_will_run_is_said_before():
    said = []
    measurer = RecordedMeasurer({"base": survey(), "head": survey()}, timed(STEADY, STEADY))

    def announce(message):
        assert measurer.processes == []
        said.append(message)

    check(options(), surroundings=RecordedSurroundings(measurer), announce=announce)
    assert "at most 20 pairs" in said[0]
