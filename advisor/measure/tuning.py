"""How much of each thing is measured: shares of the budget, and figures of this machine's kind.

None of them enters a prediction; they decide what is worth its time.
"""

DEFAULT_SAMPLES = 40
"""Different items: enough for the quantiles of a skewed distribution, and few to keep on disk."""

# --- shares of the budget ---

LATER_SHARE = 0.25
"""Of the first child's later calls: what every figure rests on."""
SCOUT_SHARE = 0.6
"""After which the first child begins no further call: one slow item must leave room for probes."""
PROBE_SHARE = 0.175
"""Of one probe."""
MUCH_OF_BUDGET = 0.15
"""From which the user is told that starting and importing took it."""

# --- calls ---

STEADY_SE = 0.08
"""Standard error of the mean of log item seconds at which the first child ends: about the model's
own error, and four later calls of a constant."""
BELIEVED_SD = 0.3
"""Of log item seconds before items were compared, as the model believes too."""
CHEAP_S = 0.5
"""Of later calls of the first child that are taken in any case, but `MOST_CALLS`."""
HOTSPOT_S = 2.0
"""Of the calls under pyinstrument: 2,000 stacks are enough for shares of a percent."""
FRESH_PROCESSES = 3
"""In which a first call of an item is measured: the fewest that show whether it varies."""
FRESH_PLACES = (0.25, 0.75, 0.0, 0.5)
"""Where among the items those of fresh processes lie: far apart, as sizes are often sorted."""
MOMENT_S = 3.0
"""Of later calls at another moment: longer than the bursts of a shared machine's speed."""
MOMENTS, MOST_TURNS = 2, 8
"""Times that items are called at another moment, and that items not called yet are called."""
STEADY_CPU = 0.1
"""CPU over wall clock below which the machine's changing speed hardly matters."""
WARM_UP = 1.1
"""A first call that takes this much longer than later ones must not be timed with them."""
SHORT_S = 0.2
"""An item so short that warming up costs nothing."""
FEWEST_LIKE_CALLS = 10
"""That tell how uneven an item's calls are: a 90th percentile needs ten."""
UNEVEN = 1.3
"""Between the slow and the quick calls of like items, from which the user is told."""

# --- probes ---

MOST_WAITING = {"thread": 64, "process": 32}
"""Items in parallel in a probe where they mostly wait; processes need memory each."""
TWO_PASSES_S, ONE_PASS_S = 1.5, 5.0
"""Items shorter than this are run alone before and after a probe; before it; longer ones never."""
PASS_ALONE_S = 2.0
"""That a pass alone takes at most, save for one item that is longer."""
ROUND_S = 0.3
"""That a probe takes at least: short items are run again and again."""
PROBE_COSTS = 1.5
"""Times an item's seconds alone that a probe of it is expected to take."""
WORKERS_START_S = 60.0
"""For workers to get ready, beside what their start and their warming up were seen to take."""

# --- memory and time-outs ---

MEMORY_SHARE = 0.8
"""Of the machine's memory, that a probe may take."""
CHILD_MEMORY_SHARE = 0.9
"""Of the machine's memory, above which a child is ended before the kernel ends another process."""
MUCH_MEMORY_BYTES = 256 << 20
"""Of a run, from which it matters whether the memory was used lately: half a second, see
`advisor.measure.first_touch`."""
UNKNOWN_PEAK_BYTES = 128 << 20
"""What is touched before an item that was never called."""
READING_S = 0.5
"""Of waiting in the first child's first call, from which another child looks whether each waits so:
scikit-learn's files, read for the first time after an installation, took 1.8 s."""
LOADING_S = 300.0
"""For importing the user's code and taking the samples, before it counts as hung."""
CPU_CLOCK_S = 1e-3
"""CPU seconds below which calls are not told apart."""
