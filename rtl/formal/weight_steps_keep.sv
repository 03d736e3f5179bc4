// weight_steps_keep: every entry that is taken is one step, two clocks later, at the right input, with its row's bias.
//
//   entries are taken when they and, at the start of a row, a bias are there, and never else: none is lost
//   the input is the one that the gaps of the row so far lead to, again from the first one after a doubling
//   a row ends with its last entry; of a logit it goes on through two more for its other bytes
//   a row starts from its bias; each doubling brings the bias's next bit
//   an entry behind the inputs is an error
//
// By induction, so for streams of any length with any pauses.
`default_nettype none

module weight_steps_keep (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        start_i,
    input wire        active_i,
    input wire        entry_valid_i,
    input wire [ 8:0] entry_i,
    input wire        bias_valid_i,
    input wire [30:0] bias_i
);
  (* anyconst *) wire classify;
  (* anyconst *) wire [11:0] source, inputs;
  wire row_end, starved, entry_take, bias_take, step, skip, double, negate, last, clear, wrong;
  wire [11:0] address;
  wire [1:0] octet;
  wire [23:0] start;
  (* hierconn *) wire \dut.first_q ;
  (* hierconn *) wire [1:0] \dut.byte_q ;
  (* hierconn *) wire [6:0] \dut.later_q ;
  (* hierconn *) wire \dut.step1_q ;
  (* hierconn *) wire \dut.restart1_q ;
  (* hierconn *) wire [5:0] \dut.move1_q ;
  (* hierconn *) wire [11:0] \dut.before_q ;
  (* hierconn *) wire [11:0] \dut.limit_q ;

  weight_steps dut (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start_i),
      .active_i(active_i),
      .classify_i(classify),
      .source_i(source),
      .inputs_i(inputs),
      .row_end_o(row_end),
      .starved_o(starved),
      .entry_valid_i(entry_valid_i),
      .entry_i(entry_i),
      .entry_take_o(entry_take),
      .bias_valid_i(bias_valid_i),
      .bias_i(bias_i),
      .bias_take_o(bias_take),
      .address_o(address),
      .step_o(step),
      .skip_o(skip),
      .double_o(double),
      .negate_o(negate),
      .last_o(last),
      .clear_o(clear),
      .byte_o(octet),
      .start_o(start),
      .wrong_o(wrong)
  );

  reg first; // of a row, or of another byte of it
  reg [1:0] which;
  reg [11:0] at, at1, at2, at3;
  reg [6:0] later;
  reg [30:0] now1, now2; // all that belongs to the step
  reg took1, took2, took3, skips3;
  reg [1:0] past = 0;
  reg begun = 0; // an operation, since the last reset
  wire is_last = entry_i[8];
  wire is_double = entry_i[7];
  wire is_skip = entry_i[5:0] == 6'd63;
  wire take = active_i && entry_valid_i && (bias_valid_i || !(first && which == 2'd0));
  wire takes_bias = take && first && which == 2'd0;
  wire [11:0] moved = (first || is_double ? 12'hfff : at) + (is_skip ? 12'd63 : {6'd0, entry_i[5:0]} + 12'd1);
  wire [23:0] start_value = takes_bias ? bias_i[23:0] : {23'd0, is_double && later[0]};
  wire clears = is_last && (!classify || which == 2'd2);

  always @(posedge clk_i) begin
    if (past != 2'd3) past <= past + 2'd1;
    begun <= rst_ni && (begun || start_i);
    if (start_i) {first, which} <= 3'b100;
    else if (take) begin
      first <= is_last;
      if (is_last) which <= clears ? 2'd0 : which + 2'd1;
    end
    if (take) at <= moved;
    if (takes_bias) later <= bias_i[30:24];
    else if (take && is_double) later <= later >> 1;
    {took2, took1} <= rst_ni ? {took1, take} : 2'b00;
    took3          <= took2 && rst_ni;
    {at3, at2, at1} <= {at2, at1, moved};
    skips3         <= skip;
    now2           <= now1;
    now1           <= {is_skip, is_double, !entry_i[6], is_last, clears, which, start_value};
  end

  always @* begin
    assume (source <= 12'd2048 && inputs != 12'd0 && inputs <= 12'd1024);
    assume (past != 2'd0 || !rst_ni);
    assume (past != 2'd1 || start_i);
    assume (!active_i || (begun && !start_i));
    // The compiler's streams stay near their inputs; far behind them the run has ended with an error.
    assume (!take || moved < 12'd1152);
    assume (past != 2'd0 || (\dut.later_q == later && \dut.first_q == first && \dut.byte_q == which));
    if (past == 2'd3) begin
      assert (entry_take == take && bias_take == takes_bias && row_end == (take && is_last));
      assert (starved == (active_i && !take));
      assert (step == took2);
      if (step) begin
        assert (address == source + at2);
        assert ({skip, double, negate, last, clear, octet, start} == now2);
      end else assert (!last && !clear);
      assert (wrong == (took3 && !skips3 && at3 >= inputs));
      // What keeps it so.
      assert (\dut.first_q == first && \dut.byte_q == which && which <= (classify ? 2'd2 : 2'd0));
      assert (\dut.later_q == later && \dut.step1_q == took1);
      assert (\dut.before_q == source - 12'd1 && \dut.limit_q == source + inputs - 12'd1);
      if (took1) assert ((\dut.restart1_q ? source - 12'd1 : address) + \dut.move1_q == source + at1 && at1 == at);
      else assert (first || !begun || address == source + at);
    end
  end
endmodule

`default_nettype wire
