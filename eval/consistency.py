"""Task `consistency`: is a request done right in all its wordings? (pass^k of tau-bench, wordings for trials)"""

from collections import defaultdict
from collections.abc import Sequence

from data.errors import DataError, SettingError
from eval.casefile import categories_of, read_requests
from eval.floors import KeywordRouter
from eval.metrics import interval, share
from eval.orchestrator import Verdict, judge_all, requests_file
from eval.shop import shop_for
from eval.task import Inputs, Outcome


def evaluate(inputs: Inputs) -> Outcome:
    """Runs the requests that belong to a group; a group passes when all its wordings are fully right."""
    if inputs.open_bench is None:
        raise SettingError("consistency is measured with an agent: run it with `shopkeeper eval consistency`")
    path = requests_file(inputs)
    cases = [case for case in read_requests(path) if case.group is not None]
    if not cases:
        raise DataError(f'{path} has no "group": give the wordings of one task a common group')
    categories = categories_of(cases)
    with shop_for(categories, inputs) as store:
        verdicts = judge_all(inputs.open_bench(store.root).decider(), cases, inputs.report)
    passed = passes(verdicts)
    bounds = interval(passed, seed=inputs.seed)
    return Outcome(
        metrics={"pass^4": share(passed), "groups": float(len(passed))},
        intervals={} if bounds is None else {"pass^4": bounds},
        floors={KeywordRouter.name: {"pass^4": share(passes(judge_all(KeywordRouter(categories), cases)))}},
        files=[path],
        misses=[verdict.miss() for verdict in verdicts if not verdict.full_right],
    )


def passes(verdicts: Sequence[Verdict]) -> list[float]:
    """1 for each group of which every wording is fully right, else 0, in the order of the groups."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.cluster].append(verdict.full_right)
    return [float(all(right)) for right in groups.values()]
