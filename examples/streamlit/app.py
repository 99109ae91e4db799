import random

import streamlit as st

st.title("Two dice")
throws = st.slider("Throws", 10, 5000, 500)
sums = [random.randint(1, 6) + random.randint(1, 6) for _ in range(throws)]  # noqa: S311 (dice)
st.bar_chart({total: sums.count(total) for total in range(2, 13)})
