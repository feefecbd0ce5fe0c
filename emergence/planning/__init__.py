"""Planning: which size does it take, what comes next, what should be measured?"""
