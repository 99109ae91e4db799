"""The campaign: random steps from a seed, and after each the claim that matters.

Whatever was edited, dropped, damaged or killed before, a build gives the image that a clean build of the same inputs
gives, byte for byte, and that image runs what the inputs say.
"""
