"""What runs in the children: the one stack that calls the user's ops, its orders and results."""
