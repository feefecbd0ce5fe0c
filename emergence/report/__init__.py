"""Report: what does one send to a colleague?"""
