function process_message()
    if x then
    return 0
