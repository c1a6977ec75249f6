"""Domains: what the events are, what they mean, and what may be done.

    bank     accounts, two times, corrections, a million events of traffic
    shop     a lamp and its price: what a row forgets when it is overwritten
    video    uploaded, processing, success: what disorder does to a state
    inventory    received, sold, adjusted, counted: what should be on the shelf

The guarantee: a domain is pure. It declares event types, projections and decisions;
a log it is handed as an argument.
What it may not know: files, frames on disk, notebooks.
"""
