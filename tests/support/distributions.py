"""Strategies for any distribution of the holding time, for property-based tests."""

from hypothesis import strategies as st

from simulations import Constant, Empirical, Exponential, Holding, Lognormal, Mixture, Pareto, Uniform


SECONDS = st.floats(-3, 4).map(lambda power: 10**power)
SIMPLE: st.SearchStrategy[Holding] = st.one_of(
    st.builds(Exponential, SECONDS),
    st.builds(Constant, SECONDS),
    st.builds(lambda low, more: Uniform(low, low + more), SECONDS, SECONDS),
    st.builds(Lognormal, st.floats(-5, 5), st.floats(0.01, 3)),
    st.builds(Pareto, st.floats(1.001, 50), SECONDS),
    st.builds(Empirical, st.lists(SECONDS, min_size=1, max_size=20)),
)
HOLDINGS: st.SearchStrategy[Holding] = st.one_of(
    SIMPLE, st.builds(Mixture, st.lists(st.tuples(st.floats(1e-30, 1e30), SIMPLE), min_size=1, max_size=4))
)
