"""Records: what is a measurement, and is it sound?"""
