"""Tells a share of the policy's right answers from the shares of other things, by its name."""

import re

from rlviz.importers import names

_OF_ANSWERS = {
    *("accuracy", "acc", "correct", "correctness", "success", "successes", "solved", "solve"),
    *("pass", "win", "wins", "em", "exact match", "pass@1", "pass 1", "pass at 1"),
    *("correct answer", "answer correct", "answers correct"),
}
"""Of what a share of right answers is, in words."""
_ONLY_AS_A_RATE = {"pass", "win", "wins", "solve", "em", "solved", "successes"}
_BEHIND = {
    *("mean", "avg", "average", "rate", "ratio", "percent", "fraction", "func", "function", "fn"),
    *("reward", "rewards", "score", "scores", "all", "is", "episode", "batch", "train", "training"),
    *("val", "eval", "test", "dev", "validation"),
    *("step", "epoch"),  # Lightning's, of what it logs both ways
}
"""Words that may stand behind it."""
_OF_SOMETHING_ELSE = {
    word: what
    for what, words in {
        "tools": "tool tools call calls api request requests search retrieval function_call",
        "a discriminator or a classifier": "disc discriminator discrim d gail airl classifier "
        "classification cls probe detector",
        "another model": "expert teacher rm verifier judge opponent baseline ref reference router "
        "draft spec speculative world dynamics predictor prediction predict predicted model vf",
        "tokens": "token tokens tok next",
        "preference pairs": "accuracies chosen rejected preference preferences pref margin margins "
        "pair pairs pairwise ranking",
        "clipping": "clip clipped clipfrac clipping",
        "the format": "format formatting formatted parse parsed parsing parser parseable json xml "
        "syntax schema valid invalid validity extraction extract extracted tag tags think",
        "truncation": "trunc truncated truncation",
        "single actions": "action actions bc imitation",
        "the machinery": "http server cache retry retries worker workers reset compile compiled "
        "compilation exec execution executable sandbox update updates save checkpoint sync fail "
        "failed failure error errors timeout",
        "the acceptance of drafts or samples": "accept accepted acceptance reject",
        "a limit": "target threshold",
        "a spread": "std min max var variance ema span gap delta diff best maj majority",
    }.items()
    for word in words.split()
}
_CORE = re.compile(r"val-core/.*/mean@\d+$")
_GROUPS = re.compile(
    r"(?<![a-z])(?:(?:solved?|correct|pass(?:ed)?|right)[_-](?:all|none)"
    r"|(?:all|none|no)[_-](?:solved?|correct|pass(?:ed)?|right))(?![a-z])"
)
"""Of a group of answers to one task, all or none."""
_EXTREMES = re.compile(r"__(?:min|max)$")


def says_a_rate(name: str) -> bool:
    """Whether the name says that the column is a share of successes, of whatever.

    >>> says_a_rate("tool_success_rate"), says_a_rate("rewards/accuracies"), says_a_rate("reward")
    (True, True, False)
    """
    if _CORE.search(names.plain(name)):
        return True
    found = ["accuracy" if word == "accuracies" else word for word in names.words(name)]
    said = [one for one in found if not one.startswith("mean@")]
    behind = set()
    while said and said[-1] in _BEHIND:
        behind.add(said.pop())
    for length in (1, 2, 3):
        last = " ".join(said[-length:])
        if last in _OF_ANSWERS:
            return last not in _ONLY_AS_A_RATE or bool(behind & {"rate", "ratio", "fraction"})
    return False


def something_else(name: str) -> str:
    """Of what else than answers of the policy a rate is, in words; empty if of nothing else.

    >>> something_else("rollout/tool_success_rate"), something_else("rollout/success_rate")
    ('tools', '')
    """
    if _EXTREMES.search(names.plain(name)):
        return "a spread"
    if _GROUPS.search(names.plain(name)):
        return "groups of answers"
    found = list(names.words(name))
    if names.is_evaluation(name) and found[:1] == ["valid"]:
        found = found[1:]
    return next((_OF_SOMETHING_ELSE[word] for word in found if word in _OF_SOMETHING_ELSE), "")


def is_rate(name: str) -> bool:
    """Whether the name says that the column is a share of right answers of the policy.

    >>> is_rate("train/rewards/accuracy_reward/mean"), is_rate("objective/verifiable_correct_rate")
    (True, True)
    >>> is_rate("mean_token_accuracy"), is_rate("rewards/accuracy_reward/std"), is_rate("reward")
    (False, False, False)
    """
    return says_a_rate(name) and not something_else(name)


_SPREADS = {"std": ("std", "stddev", "stdev"), "min": ("min",), "max": ("max",)}


def spreads(name: str) -> dict[str, tuple[str, ...]]:
    """How the standard deviation, the minimum and the maximum beside a mean may be called.

    >>> spreads("critic/score/mean")["max"][:2], spreads("reward")["std"][:2]
    (('critic/score/max', 'critic/score/max_mean'), ('std_reward', 'reward_std'))
    """
    found: dict[str, tuple[str, ...]] = {}
    for kind, called in _SPREADS.items():
        forms = []
        for other in called:
            forms.append(re.sub(r"(?<![A-Za-z])(mean|avg|average)(?![A-Za-z])", other, name))
            forms.append(
                re.sub(r"(?<=[_/])(mean|avg|average)|(mean|avg|average)(?=_)", other, name)
            )
            front, slash, last = name.rpartition("/")
            forms += [f"{front}{slash}{other}_{last}", f"{name}_{other}", f"{name}/{other}"]
            forms += [f"{name}.{other}"]
        found[kind] = tuple(dict.fromkeys(form for form in forms if form != name))
    return found
