"""Fits: where does an ability begin, and what does that rest on?"""
