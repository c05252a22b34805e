from .comparisons import comparison as comparison
from .conversations import context_growth as context_growth
from .conversations import session_timeline as session_timeline
from .latencies import latency_distribution as latency_distribution
from .latencies import latency_over_time as latency_over_time
from .traces import waterfall as waterfall
from .usage import tokens_over_time as tokens_over_time
